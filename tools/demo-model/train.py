#!/usr/bin/env python3
"""Trains Octet Mini, a small Qwen3-MoE chat and tool-calling model, from scratch on one GPU.

    python3 train.py --out DIR --until 500 [--tokenizer tokenizer.json] [--init HF_DIR]

Steps: train (or load) the tokenizer; start workers that generate, tokenise and pack conversations; train with Muon and AdamW,
the last part with 4-bit fake-quantised weights; evaluate by greedy decoding with plain and with fake-quantised weights; write a
Hugging Face folder and check it against transformers.
"""
import argparse
import json
import math
import multiprocessing as mp
import os
import random
import queue as thread_queue
import re
import shutil
import struct
import sys
import threading
import time

import numpy as np
import torch
import torch.nn.functional as F

import gen_data

START = time.time()
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKERS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]
# The split pattern that Qwen2 and Qwen3 tokenizers use; engines that read such checkpoints expect it.
PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

CFG = dict(hidden_size=256, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=2, head_dim=64, num_experts=16, num_experts_per_tok=4,
           moe_intermediate_size=192, rms_norm_eps=1e-6, rope_theta=1000000, max_position_embeddings=32768, vocab_size=6144)
CLASS_WEIGHT = (0.0, 0.03, 1.0, 0.15)  # padding, read text, said text, plain source text
LOG = []


def say(*a):
    line = f"[{time.time() - START:7.1f}s] " + " ".join(str(x) for x in a)
    print(line, flush=True)
    LOG.append(line)


# --- tokenizer -----------------------------------------------------------------------------------------------------------
def python_files(limit=6000):
    """Python sources that are installed on this machine, as plain text to learn from."""
    found = []
    for root in (os.path.dirname(os.__file__), os.path.dirname(os.path.dirname(torch.__file__)), "/usr/lib/python3"):
        for d, dirs, files in os.walk(root):
            dirs[:] = sorted(x for x in dirs if x != "__pycache__")
            for f in sorted(files):
                p = os.path.join(d, f)
                try:
                    if f.endswith(".py") and 400 < os.path.getsize(p) < 200000 and not os.path.islink(p):
                        found.append(p)
                except OSError:
                    pass
    random.Random(3).shuffle(found)
    return found[:limit]


def read_source(p):
    try:
        s = open(p, encoding="utf-8").read()
    except (OSError, UnicodeDecodeError):
        return ""
    if "<|" in s or "tool_call>" in s or "think>" in s or "tool_response>" in s or not s.isascii() or max(map(len, s.split("\n"))) > 300:
        return ""
    return s


def train_tokenizer(sources):
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    r, texts, size = random.Random(11), [], 0
    cut = re.compile("|".join(re.escape(s) for s in SPECIAL + MARKERS))
    while size < 24_000_000:
        for t, _ in gen_data.document(r):
            parts = [p for p in cut.split(t) if p]
            texts += parts
            size += len(t)
    for p in sources[:500]:
        s = read_source(p)[:8000]
        texts.append(s)
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    n = CFG["vocab_size"] - len(SPECIAL) - len(MARKERS)
    tok.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=n, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False), length=len(texts))
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    tok.add_tokens([AddedToken(s, special=False, normalized=False) for s in MARKERS])
    return tok


# --- data workers ----------------------------------------------------------------------------------------------------------
def pack(r, encode_batch, source, B, T, eot, carry, share=0.12, text=None):
    """One batch of packed rows: tokens, weight classes, document numbers and positions, each [B, T]."""
    docs = carry
    have = sum(len(d[0]) for d in docs)
    while have < (1 - share) * B * T:
        batch = [gen_data.document(r) for _ in range(64)]
        if T > 8192:  # long documents, log-uniform from 1,500 to 18,000 words
            batch += [gen_data.long_document(r, int(1500 * 12 ** r.random()), text) for _ in range(4)]
        ids = encode_batch([t for d in batch for t, _ in d])
        k = 0
        for d in batch:
            tok, cls = [], []
            for _, w in d:
                tok += ids[k]
                cls += [w + 1] * len(ids[k])
                k += 1
            tok.append(eot)
            cls.append(1)
            if len(tok) <= T:
                cls[0] = 0
                docs.append((tok, cls))
                have += len(tok)
    docs.sort(key=lambda d: -len(d[0]))
    rows, free, left = [[] for _ in range(B)], [T] * B, []
    for d in docs:  # first fit, the longest documents first, from a moving start so that rows are mixed
        n = len(d[0])
        s = r.randrange(B)
        for j in range(B):
            i = (s + j) % B
            if free[i] >= n:
                rows[i].append(d)
                free[i] -= n
                break
        else:
            left.append(d)
    tok, cls = np.full((B, T), eot, np.uint16), np.zeros((B, T), np.uint8)
    doc, pos = np.zeros((B, T), np.uint16), np.zeros((B, T), np.uint16)
    for i in range(B):
        r.shuffle(rows[i])
        if free[i] >= 8:
            s = source(free[i])
            rows[i].append((s, [0] + [3] * (len(s) - 1)))
        at = 0
        for n, (t, c) in enumerate(rows[i]):
            e = at + len(t)
            tok[i, at:e], cls[i, at:e], doc[i, at:e], pos[i, at:e] = t, c, n + 1, np.arange(e - at)
            at = e
        pos[i, at:] = np.arange(T - at)
    return (tok, cls, doc, pos), left[:200]


def worker(wid, seed, tokenizer_path, files, B, T, queue, go):
    go.wait()  # compilation has the processor to itself
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.nice(5)
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(tokenizer_path)
    r = random.Random(seed * 1009 + wid)
    buf = []

    def source(n):
        nonlocal buf
        while len(buf) < n:
            s = read_source(r.choice(files))
            if s:
                a = r.randrange(max(1, len(s) - 6000)) if r.random() < .5 else 0
                buf += tok.encode(s[a:a + 12000], add_special_tokens=False).ids + [tok.token_to_id("<|endoftext|>")]
        out, buf = buf[:n], buf[n:]
        return out

    def text(n):
        while True:
            s = read_source(r.choice(files))
            if s:
                a = r.randrange(max(1, len(s) - n))
                return s[a:a + n]
    carry, eot = [], tok.token_to_id("<|endoftext|>")
    while True:
        batch, carry = pack(r, lambda xs: [e.ids for e in tok.encode_batch(xs, add_special_tokens=False)], source, B, T, eot, carry, text=text)
        queue.put(batch)


# --- model -------------------------------------------------------------------------------------------------------------------
def init_params(cfg, device, seed=0):
    g = torch.Generator().manual_seed(seed)
    D, L, H, K, hd, E, I, V = (cfg[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "num_experts", "moe_intermediate_size", "vocab_size"))

    def normal(*shape, std):
        return torch.randn(*shape, generator=g) * std
    P = {"emb": normal(V, D, std=0.02), "head": normal(V, D, std=0.02), "norm": torch.ones(D), "ln1": torch.ones(L, D), "ln2": torch.ones(L, D), "qn": torch.ones(L, hd), "kn": torch.ones(L, hd),
         "q": normal(L, H * hd, D, std=D ** -.5), "k": normal(L, K * hd, D, std=D ** -.5), "v": normal(L, K * hd, D, std=D ** -.5), "o": normal(L, D, H * hd, std=(H * hd) ** -.5 / math.sqrt(2 * L)),
         "router": normal(L, E, D, std=D ** -.5), "gate": normal(L, E, I, D, std=D ** -.5), "up": normal(L, E, I, D, std=D ** -.5), "down": normal(L, E, D, I, std=I ** -.5 / math.sqrt(2 * L))}
    return {k: v.to(device).requires_grad_(True) for k, v in P.items()}


QUANT_BITS = {"emb": 4, "head": 4, "q": 4, "k": 4, "v": 4, "o": 4, "router": 8, "gate": 4, "up": 4, "down": 4}


def mlx_affine(w, bits, group=64):
    """The weights that MLX's affine quantisation of w gives back (w is rounded to bf16 first, as it is in the checkpoint)."""
    n = (1 << bits) - 1
    x = w.to(torch.bfloat16).float().reshape(*w.shape[:-1], -1, group)
    lo, hi = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    s = ((hi - lo) / n).clamp_min(1e-7)
    mask = lo.abs() > hi.abs()
    s = torch.where(mask, s, -s)
    edge = torch.where(mask, lo, hi)
    q0 = torch.round(edge / s)
    zero = q0 == 0
    s = torch.where(zero, s, edge / torch.where(zero, torch.ones_like(q0), q0))
    b = torch.where(zero, torch.zeros_like(edge), edge)
    q = torch.round((x - b) / s).clamp(0, n)
    return (s.to(torch.bfloat16).float() * q + b.to(torch.bfloat16).float()).reshape(w.shape)


def fake_quant(w, bits):
    return w + (mlx_affine(w, bits) - w).detach()  # the gradient passes straight through


def rms(x, w, eps):
    f = x.float()
    return (f * torch.rsqrt(f.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype) * w


def rope_tables(cfg, pos, dtype):
    hd = cfg["head_dim"]
    inv = 1.0 / (cfg["rope_theta"] ** (torch.arange(0, hd, 2, device=pos.device, dtype=torch.float32) / hd))
    a = pos.float().unsqueeze(-1) * inv
    a = torch.cat((a, a), -1)
    return a.cos().to(dtype).unsqueeze(1), a.sin().to(dtype).unsqueeze(1)  # [B, 1, T, hd]


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def qkv(cfg, x, cos, sin, W):
    B, T, _ = x.shape
    H, K, hd, eps = cfg["num_attention_heads"], cfg["num_key_value_heads"], cfg["head_dim"], cfg["rms_norm_eps"]
    h = rms(x, W["ln1"], eps)
    q = rms((h @ W["q"].T).view(B, T, H, hd), W["qn"], eps).transpose(1, 2)
    k = rms((h @ W["k"].T).view(B, T, K, hd), W["kn"], eps).transpose(1, 2)
    v = (h @ W["v"].T).view(B, T, K, hd).transpose(1, 2)
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def moe(cfg, x, W):
    """All experts are computed and the ones that are not among the top 4 get a gate of zero."""
    B, T, D = x.shape
    E, I = cfg["num_experts"], cfg["moe_intermediate_size"]
    h = rms(x, W["ln2"], cfg["rms_norm_eps"]).reshape(B * T, D)
    p = torch.softmax(h.float() @ W["router"].float().T, -1)
    top, idx = p.topk(cfg["num_experts_per_tok"], -1)
    mask = torch.zeros_like(p).scatter(1, idx, 1.0)
    gates = (p * mask / top.sum(-1, keepdim=True)).to(h.dtype)
    a = F.silu(h @ W["gate"].reshape(E * I, D).T) * (h @ W["up"].reshape(E * I, D).T)
    a = (a.view(B * T, E, I) * gates.unsqueeze(-1)).reshape(B * T, E * I)
    y = a @ W["down"].permute(1, 0, 2).reshape(D, E * I).T
    return y.view(B, T, D), mask.mean(0), p.mean(0)


def attend_flex(q, k, v, mask):
    from torch.nn.attention.flex_attention import flex_attention
    return flex_attention(q, k, v, block_mask=mask, enable_gqa=True)


def attend_plain(q, k, v, mask):
    """mask: None for plain causal, else a boolean [B, 1, Tq, Tk]."""
    n = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(n, 1), v.repeat_interleave(n, 1)
    if mask is None and hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if mask is None:
        t = q.shape[2]
        mask = torch.ones(t, t, dtype=torch.bool, device=q.device).tril()
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    s = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -.5
    return torch.softmax(s.masked_fill(~mask, -1e9).float(), -1).to(q.dtype) @ v


LAYER = ("ln1", "ln2", "qn", "kn", "q", "k", "v", "o", "router", "gate", "up", "down")


def make_block(cfg, attend):
    def block(x, cos, sin, mask, ln1, ln2, qn, kn, q, k, v, o, router, gate, up, down):
        W = dict(ln1=ln1, ln2=ln2, qn=qn, kn=kn, q=q, k=k, v=v, o=o, router=router, gate=gate, up=up, down=down)
        a, b, c = qkv(cfg, x, cos, sin, W)
        y = attend(a, b, c, mask).transpose(1, 2).reshape(x.shape[0], x.shape[1], -1)
        x = x + y @ W["o"].T
        y, f, p = moe(cfg, x, W)
        return x + y, f, p
    return block


def make_loss(cfg):
    def loss(x, norm, head, y, w):
        h = rms(x, norm, cfg["rms_norm_eps"])
        ce = F.cross_entropy((h @ head.T).float().view(-1, head.shape[0]), y.reshape(-1), reduction="none")
        w = w.reshape(-1)
        said = (w == CLASS_WEIGHT[2]).float()
        return (ce * w).sum() / w.sum(), (ce.detach() * said).sum() / said.sum()
    return loss


# --- optimizer -----------------------------------------------------------------------------------------------------------------
def orthogonalise(G, steps=5):
    """Newton-Schulz iteration towards the nearest (semi-)orthogonal matrices of a batch of matrices."""
    X = G.to(torch.bfloat16)
    flip = X.shape[-2] > X.shape[-1]
    if flip:
        X = X.transpose(-1, -2)
    X = X / (X.float().pow(2).sum((-1, -2), keepdim=True).sqrt() + 1e-7).to(X.dtype)
    for _ in range(steps):
        A = X @ X.transpose(-1, -2)
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * (A @ A)) @ X
    return (X.transpose(-1, -2) if flip else X)


class Muon:
    def __init__(self, params, momentum=0.95, decay=0.02):
        self.params, self.momentum, self.decay = params, momentum, decay
        self.buf = [torch.zeros_like(p) for p in params]

    @torch.no_grad()
    def step(self, lr):
        for p, m in zip(self.params, self.buf):
            m.lerp_(p.grad, 1 - self.momentum)
            u = torch.lerp(p.grad, m, self.momentum)
            o = orthogonalise(u).to(p.dtype)
            p.mul_(1 - lr * self.decay).add_(o, alpha=-lr * 0.2 * math.sqrt(max(p.shape[-1], p.shape[-2])))


# --- decoding and evaluation -----------------------------------------------------------------------------------------------------
@torch.no_grad()
def greedy(cfg, P, prompts, stop, limit=256, device="cuda", chunk_tokens=160000):
    """Greedy continuations of token lists, with a key-value cache; float32 throughout."""
    L, K, hd = cfg["num_hidden_layers"], cfg["num_key_value_heads"], cfg["head_dim"]
    W = [{k: P[k][i].detach().float() for k in LAYER} for i in range(L)]
    emb, head, norm = (P[k].detach().float() for k in ("emb", "head", "norm"))
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    out = [None] * len(prompts)
    while order:
        n = 1
        while n < len(order) and n < 512 and (n + 1) * len(prompts[order[n]]) <= chunk_tokens and (n + 1) * len(prompts[order[n]]) ** 2 < 3e9:
            n += 1
        part, order = order[:n], order[n:]
        T = max(len(prompts[i]) for i in part)
        S = T + limit
        ids = torch.zeros(n, T, dtype=torch.long)
        pad = torch.tensor([T - len(prompts[i]) for i in part])
        for j, i in enumerate(part):
            ids[j, T - len(prompts[i]):] = torch.tensor(prompts[i])
        ids, pad = ids.to(device), pad.to(device)
        kc = [torch.zeros(n, K, S, hd, device=device) for _ in range(L)]
        vc = [torch.zeros(n, K, S, hd, device=device) for _ in range(L)]
        valid = torch.arange(S, device=device)[None] >= pad[:, None]
        done = torch.zeros(n, dtype=torch.bool, device=device)
        got = [[] for _ in part]
        x_ids, at = ids, 0
        for step in range(limit):
            t = x_ids.shape[1]
            pos = (torch.arange(at, at + t, device=device)[None] - pad[:, None]).clamp_min(0)
            cos, sin = rope_tables(cfg, pos, torch.float32)
            end = at + t
            mask = (torch.arange(end, device=device)[None, :] <= torch.arange(at, end, device=device)[:, None])[None] & valid[:, None, :end]
            mask = (mask | torch.eye(end, device=device, dtype=torch.bool)[None, at:end])[:, None]
            x = emb[x_ids]
            for i in range(L):
                q, k, v = qkv(cfg, x, cos, sin, W[i])
                kc[i][:, :, at:end], vc[i][:, :, at:end] = k, v
                y = attend_plain(q, kc[i][:, :, :end], vc[i][:, :, :end], mask)
                x = x + y.transpose(1, 2).reshape(n, t, -1) @ W[i]["o"].T
                x = x + moe(cfg, x, W[i])[0]
            nxt = (rms(x[:, -1], norm, cfg["rms_norm_eps"]) @ head.T).argmax(-1)
            at, x_ids = end, nxt[:, None]
            for j, (tok, d) in enumerate(zip(nxt.tolist(), done.tolist())):
                if not d:
                    got[j].append(tok)
            done |= torch.isin(nxt, stop) if hasattr(torch, "isin") else (nxt[:, None] == stop[None]).any(-1)
            if step % 8 == 7 and bool(done.all()):
                break
        for j, i in enumerate(part):
            g = got[j]
            out[i] = next((g[:k] for k, t in enumerate(g) if t in stop.tolist()), g)
    return out


def evaluate(cfg, P, tok, items, device, label):
    t0 = time.time()
    stop = torch.tensor([tok.token_to_id("<|im_end|>"), tok.token_to_id("<|endoftext|>")], device=device)
    ids = [e.ids for e in tok.encode_batch([x["prompt"] for x in items], add_special_tokens=False)]
    outs = greedy(cfg, P, ids, stop, device=device)
    score, rows = {}, []
    for x, o in zip(items, outs):
        text = tok.decode(o, skip_special_tokens=False)
        ok = text == x["want"]
        c = score.setdefault(x["category"], [0, 0])
        c[0] += ok
        c[1] += 1
        rows.append(dict(category=x["category"], request=x["request"], want=x["want"], got=text, ok=ok))
    say(f"evaluation ({label}, {time.time() - t0:.1f} s):", "  ".join(f"{c} {a}/{b}" for c, (a, b) in score.items()))
    return score, rows


# --- Hugging Face folder ---------------------------------------------------------------------------------------------------------
def hf_tensors(cfg, P):
    """(name, bf16 tensor) under the names of Qwen3MoeForCausalLM."""
    b = {k: v.detach().to(torch.bfloat16).cpu() for k, v in P.items()}
    yield "model.embed_tokens.weight", b["emb"]
    for i in range(cfg["num_hidden_layers"]):
        m = f"model.layers.{i}."
        yield m + "input_layernorm.weight", b["ln1"][i]
        yield m + "post_attention_layernorm.weight", b["ln2"][i]
        for k in "qkvo":
            yield m + f"self_attn.{k}_proj.weight", b[k][i]
        yield m + "self_attn.q_norm.weight", b["qn"][i]
        yield m + "self_attn.k_norm.weight", b["kn"][i]
        yield m + "mlp.gate.weight", b["router"][i]
        for e in range(cfg["num_experts"]):
            for k in ("gate", "up", "down"):
                yield m + f"mlp.experts.{e}.{k}_proj.weight", b[k][i, e]
    yield "model.norm.weight", b["norm"]
    yield "lm_head.weight", b["head"]


def save_hf(cfg, P, tokenizer_path, out, limit=13_000_000):
    os.makedirs(out, exist_ok=True)
    shards, size = [[]], 0
    total = 0
    for name, t in hf_tensors(cfg, P):
        n = t.numel() * 2
        if size + n > limit:
            shards.append([])
            size = 0
        shards[-1].append((name, t.contiguous()))
        size += n
        total += n
    index = {}
    for k, shard in enumerate(shards):
        fn = f"model-{k + 1:05d}-of-{len(shards):05d}.safetensors"
        head, at = {"__metadata__": {"format": "pt"}}, 0
        for name, t in shard:
            n = t.numel() * 2
            head[name] = {"dtype": "BF16", "shape": list(t.shape), "data_offsets": [at, at + n]}
            at += n
            index[name] = fn
        h = json.dumps(head, separators=(",", ":")).encode()
        h += b" " * (-len(h) % 8)
        with open(os.path.join(out, fn), "wb") as f:
            f.write(struct.pack("<Q", len(h)) + h)
            for _, t in shard:
                f.write(t.view(torch.int16).numpy().tobytes())

    def dump(name, obj):
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            json.dump(obj, f, ensure_ascii=False, indent=2)
            f.write("\n")
    dump("model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": index})
    tk = json.load(open(tokenizer_path, encoding="utf-8"))
    ids = {t["content"]: t["id"] for t in tk["added_tokens"]}
    eos = ids["<|im_end|>"]
    dump("config.json", {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": None, "eos_token_id": eos, "pad_token_id": ids["<|endoftext|>"],
                         "decoder_sparse_step": 1, "head_dim": cfg["head_dim"], "hidden_act": "silu", "hidden_size": cfg["hidden_size"], "initializer_range": 0.02, "intermediate_size": cfg["moe_intermediate_size"] * cfg["num_experts_per_tok"],
                         "max_position_embeddings": cfg["max_position_embeddings"], "max_window_layers": cfg["num_hidden_layers"], "mlp_only_layers": [], "moe_intermediate_size": cfg["moe_intermediate_size"], "norm_topk_prob": True,
                         "num_attention_heads": cfg["num_attention_heads"], "num_experts": cfg["num_experts"], "num_experts_per_tok": cfg["num_experts_per_tok"], "num_hidden_layers": cfg["num_hidden_layers"],
                         "num_key_value_heads": cfg["num_key_value_heads"], "output_router_logits": False, "rms_norm_eps": cfg["rms_norm_eps"], "rope_scaling": None, "rope_theta": cfg["rope_theta"], "router_aux_loss_coef": 0.001,
                         "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False, "vocab_size": cfg["vocab_size"]})
    dump("generation_config.json", {"do_sample": False, "eos_token_id": [eos, ids["<|endoftext|>"]], "pad_token_id": ids["<|endoftext|>"]})
    template = open(gen_data.TEMPLATE, encoding="utf-8").read()
    with open(os.path.join(out, "chat_template.jinja"), "w", encoding="utf-8") as f:
        f.write(template)
    dump("tokenizer_config.json", {"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": {str(t["id"]): {k: t[k] for k in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")} for t in tk["added_tokens"]},
                                   "additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "bos_token": None, "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": cfg["max_position_embeddings"],
                                   "pad_token": "<|endoftext|>", "split_special_tokens": False, "unk_token": None, "chat_template": template})
    dst = os.path.join(out, "tokenizer.json")
    if os.path.abspath(dst) != os.path.abspath(tokenizer_path):
        open(dst, "w", encoding="utf-8").write(open(tokenizer_path, encoding="utf-8").read())
    return total, len(shards)


def load_hf(cfg, folder, device):
    """The inverse of save_hf, to go on from an earlier run."""
    raw = {}
    for fn in sorted(set(json.load(open(os.path.join(folder, "model.safetensors.index.json")))["weight_map"].values())):
        data = open(os.path.join(folder, fn), "rb").read()
        n = struct.unpack("<Q", data[:8])[0]
        for name, m in json.loads(data[8:8 + n]).items():
            if name != "__metadata__":
                a, b = m["data_offsets"]
                raw[name] = torch.from_numpy(np.frombuffer(data, np.int16, (b - a) // 2, 8 + n + a).copy()).view(torch.bfloat16).float().view(m["shape"])
    L, E = cfg["num_hidden_layers"], cfg["num_experts"]
    lay = lambda s: torch.stack([raw[f"model.layers.{i}.{s}.weight"] for i in range(L)])
    P = {"emb": raw["model.embed_tokens.weight"], "head": raw["lm_head.weight"], "norm": raw["model.norm.weight"], "ln1": lay("input_layernorm"), "ln2": lay("post_attention_layernorm"), "qn": lay("self_attn.q_norm"), "kn": lay("self_attn.k_norm"), "router": lay("mlp.gate")}
    for k in "qkvo":
        P[k] = lay(f"self_attn.{k}_proj")
    for k in ("gate", "up", "down"):
        P[k] = torch.stack([torch.stack([raw[f"model.layers.{i}.mlp.experts.{e}.{k}_proj.weight"] for e in range(E)]) for i in range(L)])
    return {k: v.to(device).requires_grad_(True) for k, v in P.items()}


def check_hf(cfg, P, folder, tok, items, device):
    """Greedy tokens of transformers' model, loaded from the folder, against greedy() on the same bf16 weights."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    t0 = time.time()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    ht = AutoTokenizer.from_pretrained(folder)
    stop = torch.tensor([tok.token_to_id("<|im_end|>"), tok.token_to_id("<|endoftext|>")], device=device)
    Pb = {k: v.detach().to(torch.bfloat16).float() for k, v in P.items()}
    same = same_ids = 0
    worst = 0.0
    for x in items:
        ids = tok.encode(x["prompt"], add_special_tokens=False).ids
        same_ids += ht(x["prompt"], add_special_tokens=False)["input_ids"] == ids
        mine = greedy(cfg, Pb, [ids], stop, limit=128, device=device)[0]
        with torch.no_grad():
            g = model.generate(torch.tensor([ids], device=device), attention_mask=torch.ones(1, len(ids), dtype=torch.long, device=device), max_new_tokens=128, do_sample=False, eos_token_id=stop.tolist(), pad_token_id=int(stop[1]))[0, len(ids):].tolist()
        g = next((g[:k] for k, t in enumerate(g) if t in stop.tolist()), g)
        same += g == mine
    n = len(items)
    say(f"transformers {type(model).__name__}: same greedy tokens on {same}/{n} prompts, same token ids on {same_ids}/{n}, rope theta {getattr(model.config, 'rope_parameters', None) or getattr(model.config, 'rope_theta', None)} ({time.time() - t0:.1f} s)")
    good = 0
    r = random.Random(9)
    for _ in range(40):
        try:
            msgs, tools = gen_data.doc_tools(r, "train")
        except gen_data.Skip:
            continue
        a = "".join(s for s, _ in gen_data.render(msgs, tools))
        b = ht.apply_chat_template(msgs, tools=tools, tokenize=False)
        good += a == b
        if a != b:
            say("template differs:", repr(b[:300]))
            break
    say(f"apply_chat_template gives the training text in {good} of the conversations tried")
    return same, n


# --- training ----------------------------------------------------------------------------------------------------------------------
def copy_weights(args):
    for f in os.listdir(os.path.join(args.out, "hf")):
        if f.endswith(".safetensors"):
            shutil.copy(os.path.join(args.out, "hf", f), args.copy_to)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default="out")
    ap.add_argument("--until", type=float, default=500, help="end of training, in seconds after the start of the program")
    ap.add_argument("--copy-to", help="folder that gets a copy of the weights as soon as they are saved")
    ap.add_argument("--tokenizer")
    ap.add_argument("--init")
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--floor", type=float, default=0.02)
    ap.add_argument("--qat-from", type=float, default=0.66)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--length", type=int, default=2048)
    ap.add_argument("--workers", type=int, default=14)
    ap.add_argument("--attention", choices=("flex", "plain"), default="flex")
    ap.add_argument("--balance", type=float, default=0.01)
    ap.add_argument("--steps", type=int, default=0)
    ap.add_argument("--no-compile", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    cfg, B, T = CFG, args.batch, args.length
    files = python_files()
    say(f"{len(files)} Python source files")
    if args.tokenizer:
        tok_path = args.tokenizer
    else:
        tok_path = os.path.join(args.out, "tokenizer.json")
        train_tokenizer(files).save(tok_path)
        say("tokenizer trained")
    ctx = mp.get_context("fork")
    queues = [ctx.Queue(maxsize=6) for _ in range(args.workers)]
    go = ctx.Event()
    procs = [ctx.Process(target=worker, args=(i, args.seed, tok_path, files, B, T, q, go), daemon=True) for i, q in enumerate(queues)]
    for p in procs:
        p.start()
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(tok_path)
    say("vocabulary", tok.get_vocab_size())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    P = load_hf(cfg, args.init, device) if args.init else init_params(cfg, device)
    say(sum(p.numel() for p in P.values()), "parameters on", torch.cuda.get_device_name() if device == "cuda" else device)
    half = torch.bfloat16 if device == "cuda" else torch.float32
    comp = (lambda f: f) if args.no_compile else (lambda f: torch.compile(f, dynamic=False))
    flex = args.attention == "flex"
    block = comp(make_block(cfg, attend_flex if flex else attend_plain))
    loss_fn = comp(make_loss(cfg))
    quant = comp(fake_quant)
    if flex:
        from torch.nn.attention.flex_attention import create_block_mask
        mask_maker = torch.compile(create_block_mask)
    weights = torch.tensor(CLASS_WEIGHT, device=device)
    muon_names = ("q", "k", "v", "o", "gate", "up", "down")
    muon = Muon([P[k] for k in muon_names])
    adam = torch.optim.AdamW([{"params": [P["emb"], P["head"], P["router"]], "weight_decay": 0.02}, {"params": [P[k] for k in ("norm", "ln1", "ln2", "qn", "kn")], "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.95), eps=1e-10, **({"fused": True} if device == "cuda" else {}))
    L = cfg["num_hidden_layers"]

    ready = thread_queue.Queue(maxsize=6)

    def feed():  # takes the batches of the workers in turn, so that the order of the data does not depend on timing
        i = 0
        while not finished:
            arrays = [torch.from_numpy(a.astype(np.int32)) for a in queues[i % len(queues)].get()]
            ready.put([a.pin_memory() for a in arrays] if device == "cuda" else arrays)
            i += 1

    def place(arrays):
        tk, cls, doc, pos = (a.to(device, non_blocking=True) for a in arrays)
        y = torch.cat((tk[:, 1:], tk[:, :1]), 1).long()
        w = torch.cat((weights[cls[:, 1:].long()], torch.zeros(B, 1, device=device)), 1)
        return tk.long(), y, w, doc, pos

    def step_loss(batch, qat):
        x_ids, y, w, doc, pos = batch
        mask = None
        if flex:
            mask = mask_maker(lambda b, h, i, j: (i >= j) & (doc[b, i] == doc[b, j]), B, None, T, T, device=device)
        W = {k: (quant(p, QUANT_BITS[k]) if qat and k in QUANT_BITS else p).to(half if k != "router" else torch.float32) for k, p in P.items()}
        cos, sin = rope_tables(cfg, pos, half)
        x = F.embedding(x_ids, W["emb"])
        lay = [W[k].unbind(0) for k in LAYER]
        balance, load = 0.0, []
        for i in range(L):
            x, f, p = block(x, cos, sin, mask, *(t[i] for t in lay))
            balance = balance + (f * p).sum() * cfg["num_experts"] / cfg["num_experts_per_tok"]
            load.append(f.detach())
        loss, said = loss_fn(x, W["norm"], W["head"], y, w)
        return loss + args.balance * balance / L, said, balance.detach() / L, load

    t0 = t_mark = None
    n = tokens = 0
    points, load_sum, load_n = [], None, 0
    compile_t = time.time()
    # One step with and one without fake quantisation compiles everything before the clock of the schedule starts.
    rows, _ = pack(random.Random(0), lambda xs: [e.ids for e in tok.encode_batch(xs, add_special_tokens=False)], lambda k: [0] * k, B, T, tok.token_to_id("<|endoftext|>"), [])
    for q in (False, True):
        l, *_ = step_loss(place([torch.from_numpy(a.astype(np.int32)) for a in rows]), q)
        l.backward()
        for p in P.values():
            p.grad = None
    if device == "cuda":
        torch.cuda.synchronize()
    say(f"first steps (compilation): {time.time() - compile_t:.1f} s")
    finished = []
    go.set()
    threading.Thread(target=feed, daemon=True).start()
    first = ready.get()
    t0 = t_mark = time.time()
    seconds = args.until - (t0 - START)
    say(f"training for {seconds:.0f} s")
    early, wait = False, 0.0
    n_mark = 0
    while True:
        frac = n / args.steps if args.steps else (time.time() - t0) / seconds
        if frac >= 1:
            break
        warm = min(1.0, (n + 1) / 150)
        lr = args.lr * warm * (args.floor + (1 - args.floor) * 0.5 * (1 + math.cos(math.pi * frac)))
        tw = time.time()
        batch = place(first if n == 0 else ready.get())
        wait += time.time() - tw
        qat = frac >= args.qat_from
        loss, said, bal, load = step_loss(batch, qat)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(P.values()), 1.0)
        muon.step(lr)
        for g in adam.param_groups:
            g["lr"] = lr
        adam.step()
        for p in P.values():
            p.grad = None
        n += 1
        tokens += B * T
        if frac > .9:
            s = torch.stack(load)
            load_sum = s if load_sum is None else load_sum + s
            load_n += 1
        if n % 20 == 0 and n % 100:
            said.item()  # keeps the host from running far ahead of the clock
        if frac > .85 and not early and args.copy_to:
            early = True
            save_hf(cfg, P, tok_path, os.path.join(args.out, "hf"))
            copy_weights(args)
            say("saved an early copy")
        if n % 100 == 0 or n in (1, 10, 50):
            s = said.item()
            now = time.time()
            rate = (n - n_mark) * B * T / (now - t_mark)
            say(f"step {n:5d} {100 * frac:5.1f} % loss {loss.item():.4f} said {s:.4f} balance {bal.item():.3f} lr {lr:.2e} {rate / 1e3:.0f} k tokens/s, waited {wait:.1f} s{' qat' if qat else ''}")
            points.append(dict(step=n, tokens=tokens, loss=round(loss.item(), 4), said=round(s, 4), qat=qat))
            t_mark, n_mark, wait = now, n, 0.0
            if not math.isfinite(s):
                say("loss is not finite")
                sys.exit(1)
    if device == "cuda":
        torch.cuda.synchronize()
    train_s = time.time() - t0
    say(f"trained {n} steps, {tokens} tokens in {train_s:.1f} s: {tokens / train_s / 1e3:.0f} k tokens/s; peak memory {torch.cuda.max_memory_allocated() / 2**30 if device == 'cuda' else 0:.1f} GiB")
    hf = os.path.join(args.out, "hf")
    total, shards = save_hf(cfg, P, tok_path, hf)
    if args.copy_to:
        copy_weights(args)
    finished.append(True)
    for p in procs:
        p.terminate()
    say(f"saved {total} bytes of weights in {shards} files")
    load = (load_sum / max(load_n, 1) / cfg["num_experts_per_tok"]).cpu() if load_sum is not None else torch.zeros(1)
    report = dict(parameters=sum(p.numel() for p in P.values()), steps=n, tokens=tokens, seconds=round(train_s, 1), tokens_per_s=round(tokens / train_s), points=points, load=[[round(v, 4) for v in row] for row in load.tolist()])
    torch.backends.cuda.matmul.allow_tf32 = False
    items = gen_data.eval_prompts() + gen_data.long_eval_prompts()
    json.dump(items, open(os.path.join(args.out, "eval_prompts.json"), "w"), ensure_ascii=False, indent=1)
    Pb = {k: v.detach().to(torch.bfloat16).float() for k, v in P.items()}
    Pq = {k: mlx_affine(v, QUANT_BITS[k]) if k in QUANT_BITS else v for k, v in Pb.items()}
    write_report = lambda: json.dump(dict(report, log=LOG), open(os.path.join(args.out, "report.json"), "w"), ensure_ascii=False, indent=1)
    write_report()
    try:
        score_q, rows_q = evaluate(cfg, Pq, tok, items, device, "4-bit weights")
        for x in rows_q[:8]:
            say(("ok   " if x["ok"] else "WRONG"), repr(x["request"]), "->", repr(x["got"]))
        report.update(score_q=score_q, wrong=[x for x in rows_q if not x["ok"]], fixed=rows_q[:8])
        write_report()
        report["hf_same"], report["hf_n"] = check_hf(cfg, P, hf, tok, items[:8] + [x for x in items[8::60] if len(x['prompt']) < 20000], device)
        write_report()
        score_b, rows_b = evaluate(cfg, Pb, tok, items, device, "bf16 weights")
        report.update(score_bf16=score_b)
        say("expert load, smallest and largest share of a layer (even would be 0.0625):", [(min(r), max(r)) for r in report["load"]])
        bad = {}
        for x in rows_q:
            if not x["ok"] and bad.setdefault(x["category"], 0) < 4:
                bad[x["category"]] += 1
                print("WRONG", x["category"], repr(x["request"][-200:]), "\n   want", repr(x["want"][:200]), "\n   got ", repr(x["got"][:200]), flush=True)
    except Exception as e:  # the weights are saved already; a failed check must not lose them
        import traceback
        traceback.print_exc()
        say("check failed:", e)
    write_report()


if __name__ == "__main__":
    main()
