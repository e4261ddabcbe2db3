#!/bin/sh
# test_tokenize.sh - octet tokenize: ids and pieces, lines, conversations.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
tiny=tests/data/tokenizer/tiny.json
mini=models/octet-mini

run 0 tokenize $tiny 'hello world<|im_end|>'
out_is '    259  "hello"
    264  " world"
    285  "<|im_end|>"  added'
err_is_empty
printf 'h\303\251\nx' >"$tmp/text"
stdin=$tmp/text
run 0 tokenize $tiny
out_is '    104  "h"
    272  "é"
     10  "\n"
    120  "x"'
run 0 tokenize $tiny --no-added -
out_has '^    104  "h"$'
stdin=/dev/null
run 0 tokenize $tiny 'ß'
out_is '    195  "\xc3"
    159  "\x9f"'
ok "ids and the bytes that they stand for"

run 0 tokenize $tiny --no-added '<|im_end|>'
if grep -q added "$tmp/out"; then complain "an added token in spite of --no-added"; fi
ok "no added tokens on demand"

run 0 tokenize $tiny --decode '259, 264 [285]'
out_is 'hello world<|im_end|>'
run 2 tokenize $tiny --decode '259 x'
err_has '^octet tokenize: expected token ids with spaces or commas between, found "x"$'
run 2 tokenize $tiny --decode '99999'
err_has '99999 is no token id'
ok "ids to text"

cat >"$tmp/lines" <<'END'
"hello world"

"\ud83d\ude00<|im_end|>"
""
END
stdin=$tmp/lines
run 0 tokenize $tiny --lines
out_is '[259, 264]
[271, 128, 285]
[]'
cp "$tmp/out" "$tmp/ids"
stdin=$tmp/ids
run 0 tokenize $tiny --lines --decode
out_is '"hello world"
"😀<|im_end|>"
""'
printf '"a"\n[1]\n' >"$tmp/lines"
stdin=$tmp/lines
run 2 tokenize $tiny --lines
err_has '^octet tokenize: line 2: .*expected a string'
printf '[1]\n[-1]\n' >"$tmp/lines"
run 2 tokenize $tiny --lines --decode
err_has '^octet tokenize: line 2: .*expected token ids'
stdin=/dev/null
ok "JSON lines, both ways"

cat >"$tmp/chat.json" <<'END'
[{"role": "user", "content": "What is <|im_end|>?"}]
END
run 0 tokenize $mini --chat "$tmp/chat.json"
out_has '^<\|im_start\|>user$'
out_has '^What is <\|im_end\|>\?<\|im_end\|>$'
[ "$(grep -c '"<|im_end|>"  added' "$tmp/out")" = 1 ] || complain "the value's <|im_end|> became a token"
cp "$tmp/out" "$tmp/array"
printf '{"messages": %s, "add_generation_prompt": true}' "$(cat "$tmp/chat.json")" >"$tmp/object.json"
run 0 tokenize $mini/tokenizer.json --chat "$tmp/object.json"
cmp -s "$tmp/out" "$tmp/array" || complain "messages alone and an object with them differ"
run 2 tokenize $mini --chat "$tmp/chat.json" --lines
err_has 'chat cannot be used with'
run 2 tokenize $mini --chat "$tmp/nothing.json"
err_has 'nothing\.json'
ok "a conversation: prompt and tokens, no forged turn"

run 2 tokenize
err_has 'expected a MODEL'
run 2 tokenize tests
err_has 'tests/tokenizer\.json'
run 2 tokenize $mini/config.json x
err_has '^octet tokenize: .*config\.json: model: expected an object, found nothing$'
sed 's/"merges":/"mergers":/' $tiny >"$tmp/no-merges.json"
run 2 tokenize "$tmp/no-merges.json" x
err_has '^octet tokenize: .*no-merges\.json: model\.merges: expected an array, found nothing$'
sed 's/"type":"BPE"/"type":"Unigram"/' $tiny >"$tmp/unigram.json"
run 2 tokenize "$tmp/unigram.json" x
err_has '^octet tokenize: .*unigram\.json: model\.type: expected "BPE", found "Unigram"'
sed 's/"pre_tokenizer":/"unused":/' $tiny >"$tmp/characters.json"
run 2 tokenize "$tmp/characters.json" x
err_has 'only byte-level BPE is supported'
head -c 2000 $tiny >"$tmp/truncated.json"
run 2 tokenize "$tmp/truncated.json" x
err_has '^octet tokenize: .*truncated\.json: line 1, column '
sed 's/"he":256/"he":2000000000/' $tiny >"$tmp/large.json"
run 2 tokenize "$tmp/large.json" x
err_has '"he" has id 2000000000, the largest that is supported is 4194303$'
ok "what is no tokenizer"

# The second line is written only when the first is answered.
mkfifo "$tmp/questions" "$tmp/answers"
"$OCTET" tokenize $tiny --lines <"$tmp/questions" >"$tmp/answers" &
exec 3>"$tmp/questions" 4<"$tmp/answers"
echo '"hello"' >&3
read -r first <&4
echo '"world"' >&3
exec 3>&-
read -r second <&4
exec 4<&-
wait
[ "$first/$second" = '[259]/[119, 261, 263]' ] || complain "answers through a pipe: $first, $second"
ok "a line is answered at once"

finish
