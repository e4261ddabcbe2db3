#!/bin/sh
# test_inspect.sh - octet inspect: sizes of the demonstration model, whose shape is known.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
mini=models/octet-mini

# 8 layers of 16 experts of 3 x 256 x 192, of which 4 are used; attention 256 x (512 + 128 + 128 + 512); router 256 x 16;
# embedding and head 6144 x 256; norms 2 x 256 + 2 x 64 a layer and 256.
experts=$((8 * 16 * 3 * 256 * 192))
attention=$((8 * 256 * (512 + 128 + 128 + 512)))
router=$((8 * 256 * 16))
table=$((6144 * 256))
norms=$((8 * (2 * 256 + 2 * 64) + 256))

run 0 inspect $mini --json
field_is model_type '"qwen3_moe"'
field_is num_hidden_layers 8
field_is num_experts 16
field_is num_experts_per_tok 4
field_is parameters $((experts + attention + router + 2 * table + norms))
field_is active_parameters $((experts / 4 + attention + router + 2 * table + norms))
# 4-bit in groups of 64 with 16-bit scale and bias: 36 bytes for 64 elements; 8-bit: 68; an embedding row; norms in 16 bits.
four=$((experts / 4 + attention + table))
field_is read_bytes_per_token $((four * 36 / 64 + router * 68 / 64 + 256 * 36 / 64 + norms * 2))
field_is kv_bytes_per_token $((8 * 2 * 64 * 2 * 2))
field_is context 32768
field_is kv_bytes $((32768 * 8 * 2 * 64 * 2 * 2))
out_has "\"stored_as\": \"affine 8-bit, group 64\", \"modules\": 8, \"parameters\": $router, \"bytes\": $((router * 68 / 64))"
out_has "\"files\": \[\{\"name\": \"model.safetensors\", \"bytes\": $(wc -c <$mini/model.safetensors)\}\]"
ok "JSON: parameters, bytes, memory"

run 0 inspect $mini --json --precision f32 --context 1000
field_is kv_bytes_per_token $((8 * 2 * 64 * 2 * 4))
field_is kv_bytes $((1000 * 8 * 2 * 64 * 2 * 4))
field_is kv_type '"f32"'
run 0 inspect $mini --json --kv-type q8 # 64 features and two scales
field_is kv_bytes_per_token $((8 * 2 * 2 * (64 + 2 * 2)))
field_is kv_type '"q8"'
run 0 inspect $mini --json --kv-type bf16
field_is kv_bytes_per_token $((8 * 2 * 64 * 2 * 2))
ok "precision, type and context change what is kept"

run 0 inspect $mini
out_has '^architecture +qwen3_moe$'
out_has '^experts +affine 4-bit, group 64 +24 +18874368 +10616832 +4\.500$'
out_has '^router +affine 8-bit, group 64 '
out_has '^read for a token '
err_is_empty
ok "text"

run 0 inspect $mini --tensors
out_has '^model.layers.7.mlp.switch_mlp.down_proj.weight +U32 \[16, 256, 24\]  393216 bytes$'
run 0 inspect $mini --tensors --json
out_has '"name": "model.norm.weight", "dtype": "BF16", "shape": \[256\], "bytes": 512, "file": "model.safetensors"\}'
ok "tensors"

for d in tests/data/quant/*/; do
	[ -f "$d/config.json" ] || continue
	run 0 inspect "$d" --json
done
run 0 inspect tests/data/quant/sharded --tensors
out_has '  model-00002-of-00003.safetensors$'
ok "every storage form"

run 2 inspect tests
err_has 'config\.json'
run 2 inspect $mini/model.safetensors
err_has '^octet inspect: .*model\.safetensors'
ok "what is no model"

finish
