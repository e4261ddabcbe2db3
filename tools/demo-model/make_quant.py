#!/usr/bin/env python3
"""Tiny checkpoints in every storage form that MLX has for this architecture, with golden logits.

    python3 make_quant.py OUT_DIR

Needs mlx[cpu] 0.32.4, mlx-lm 0.32.2. Weights are random (seeded), quantised by mlx-lm itself; the logits are computed with float32 activations.
Each folder NAME has config.json, model*.safetensors as mlx-lm saves them and golden.safetensors: tokens I32 [n], positions I32 [n], logits F32 [n, vocab].
"""
import json
import os
import shutil
import sys

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.models import qwen3_moe
from mlx_lm.utils import quantize_model, save_config, save_model

BASE = dict(architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe", hidden_size=128, num_hidden_layers=2, intermediate_size=256, num_attention_heads=2, num_key_value_heads=1, head_dim=64, num_experts=4, num_experts_per_tok=2,
            moe_intermediate_size=128, decoder_sparse_step=1, mlp_only_layers=[], norm_topk_prob=True, vocab_size=384, rms_norm_eps=1e-6, rope_theta=1000000, tie_word_embeddings=False, max_position_embeddings=4096, eos_token_id=383, hidden_act="silu", attention_bias=False)


def build(config, dtype, seed):
    mx.random.seed(seed)
    model = qwen3_moe.Model(qwen3_moe.ModelArgs.from_dict(config))

    def fill(path, p):
        if path.endswith("norm.weight") or "layernorm" in path:
            return (1 + 0.1 * mx.random.normal(p.shape)).astype(dtype)
        std = 1.0 if "embed_tokens" in path else 2.5 * p.shape[-1] ** -0.5 if "lm_head" in path or path.endswith("mlp.gate.weight") else p.shape[-1] ** -0.5
        return (std * mx.random.normal(p.shape)).astype(dtype)
    model.update(tree_map_with_path(fill, model.parameters()))
    mx.eval(model.parameters())
    return model


def emit(out, name, config, dtype=mx.bfloat16, bits=None, group=64, mode="affine", predicate=None, seed=1, shard_gb=None, note=""):
    config = {**BASE, **config}
    model = build(config, dtype, seed)
    if bits:
        model, config = quantize_model(model, config, group, bits, mode=mode, quant_predicate=predicate)
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    save_model(folder, model, donate_model=False)
    save_config(config, os.path.join(folder, "config.json"))
    model.set_dtype(mx.float32)
    ids = np.random.default_rng(seed).integers(0, config["vocab_size"], 40).astype(np.int32)
    y = model(mx.array(ids[None]))[0].astype(mx.float32)
    mx.eval(y)
    mx.save_safetensors(os.path.join(folder, "golden.safetensors"), {"tokens": mx.array(ids), "positions": mx.array(np.arange(40, dtype=np.int32)), "logits": y})
    forms = {}
    for k, v in tree_flatten(model.parameters()):
        forms[k] = list(v.shape)
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{name:28s} {size:9d} bytes  logits std {float(np.array(y).std()):.2f}  {note}", flush=True)
    return folder


def split(folder, parts=3):
    """The same tensors over several files with an index, each name in the file that its hash gives."""
    w = mx.load(os.path.join(folder, "model.safetensors"))
    names = sorted(w)
    index = {}
    for k in range(parts):
        fn = f"model-{k + 1:05d}-of-{parts:05d}.safetensors"
        part = {n: w[n] for i, n in enumerate(names) if i * 7 % parts == k}
        mx.save_safetensors(os.path.join(folder, fn), part, {"format": "mlx"})
        index.update({n: fn for n in part})
    os.remove(os.path.join(folder, "model.safetensors"))
    json.dump({"metadata": {"total_size": 0}, "weight_map": index}, open(os.path.join(folder, "model.safetensors.index.json"), "w"), indent=1)


def main(out):
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            emit(out, f"affine-{bits}bit-g{group}", {}, bits=bits, group=group, seed=bits * 1000 + group)
    for name, dtype in (("f16", mx.float16), ("f32", mx.float32)):
        emit(out, f"affine-4bit-g64-{name}", {}, dtype=dtype, bits=4, seed=21, note="scales in " + name)
    for name, dtype in (("bf16", mx.bfloat16), ("f16", mx.float16), ("f32", mx.float32)):
        emit(out, f"plain-{name}", {}, dtype=dtype, seed=22, note="not quantised")
    emit(out, "tied", dict(tie_word_embeddings=True), bits=4, seed=31)
    emit(out, "dense-layer-0", dict(mlp_only_layers=[0]), bits=4, seed=32)
    emit(out, "sparse-step-2", dict(decoder_sparse_step=2), bits=4, seed=33, note="layer 0 dense, layer 1 sparse")
    emit(out, "no-topk-norm", dict(norm_topk_prob=False), bits=4, seed=34)
    emit(out, "router-4bit", {}, bits=4, seed=35, predicate=lambda p, m: True)
    emit(out, "router-plain", {}, bits=4, seed=36, predicate=lambda p, m: not p.endswith("mlp.gate"))
    mixed = lambda p, m: {"group_size": 64, "bits": 6} if p.endswith(("v_proj", "down_proj")) or "lm_head" in p else {"group_size": 32, "bits": 8} if p.endswith("mlp.gate") else {"group_size": 128, "bits": 3} if p.endswith("up_proj") else True
    emit(out, "mixed", {}, bits=4, seed=37, predicate=mixed, note="3, 4, 6 and 8 bits, groups 32, 64, 128")
    emit(out, "theta-scalar-eps", dict(rope_theta=10000.0, rms_norm_eps=1e-5, head_dim=32, num_attention_heads=6, num_key_value_heads=3), bits=4, seed=38, note="n_heads * head_dim != hidden")
    split(emit(out, "sharded", {}, bits=4, seed=39))
    for mode, bits, group in (("mxfp4", 4, 32), ("nvfp4", 4, 16), ("mxfp8", 8, 32)):
        try:
            emit(out, mode, {}, bits=bits, group=group, mode=mode, seed=40)
        except Exception as e:
            print(mode, "could not be made:", type(e).__name__, str(e)[:200])


main(sys.argv[1])
