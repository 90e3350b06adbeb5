"""LoRA through the protocol, on a tiny model that is made here; the result is loaded by PEFT itself."""

import hashlib
import json
import math
import os

import node
import numpy as np
import pytest
from test_conformance import suite

from meshnode_trainer.conformance.process import Refused

for library in ("torch", "transformers", "peft", "tokenizers"):
    pytest.importorskip(library, reason=f"{library} is not installed")
os.environ["HF_HUB_OFFLINE"] = "1"
SETTINGS = {"r": 4, "alpha": 8.0, "lr": 0.02, "epochs": 4, "batch_size": 4, "max_length": 64}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A Llama of two layers and a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("base")
    vocabulary = {letter: place for place, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary |= {"<pad>": 256, "<s>": 257, "</s>": 258}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=260,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            pad_token_id=256,
            bos_token_id=257,
            eos_token_id=258,
        )
    ).save_pretrained(folder)
    return folder


def lines(path, first, count=12):
    rows = [{"instruction": f"Add {number}.", "output": str(2 * number + 1)} for number in range(first, first + count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def data(tmp_path, base, part=0):
    return {
        "train": lines(tmp_path / f"rows{part}.jsonl", 12 * part),
        "evaluation": lines(tmp_path / "held-out.jsonl", 24, 5),
        "options": {"base": str(base)},
    }


def test_two_nodes_tune_one_adapter_that_peft_loads(tmp_path, base):
    with node.Federation(tmp_path, ("lora",), {"settings": SETTINGS}) as together:
        for part in (0, 1):
            prepared = together.add(data(tmp_path, base, part)).prepared
            assert (prepared["rows"], prepared["evaluation_rows"]) == (12, 5)
        roles = {entry["name"]: entry["role"] for entry in prepared["tensors"]}
        assert len(roles) == 8
        assert all(role == ("train" if ".lora_B." in name else "frozen") for name, role in roles.items())
        assert all(not array.any() and ".lora_B." in name for name, array in together.model.items())
        before = together.evaluate()["loss"]
        for number in (1, 2):
            together.round(number)
        after = together.evaluate()["loss"]
        assert after < before - 0.1
        carrier = (tmp_path / "member0/carrier").read_bytes()
    import safetensors.numpy
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    a = safetensors.numpy.load(carrier)
    name = next(name for name in a if name.endswith("layers.1.self_attn.v_proj.lora_A.weight"))
    # The stream of A, written down a second time.
    stream = b"".join(hashlib.sha256(f"meshnode/lora-a/1|3|{name}|{block}".encode()).digest() for block in range(16))
    values = [int.from_bytes(stream[4 * place : 4 * place + 4], "little") % 2**24 for place in range(128)]
    expected = np.array([(2 * value / 2**24 - 1) / math.sqrt(32) for value in values], np.float32).reshape(4, 32)
    assert np.array_equal(a[name], expected)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    safetensors.numpy.save_file({**a, **together.model}, adapter / "adapter_model.safetensors")
    (adapter / "adapter_config.json").write_text(
        json.dumps(
            {
                "peft_type": "LORA",
                "task_type": "CAUSAL_LM",
                "base_model_name_or_path": str(base),
                "revision": None,
                "r": 4,
                "lora_alpha": 8.0,
                "target_modules": ["q_proj", "v_proj"],
                "lora_dropout": 0.0,
                "bias": "none",
                "inference_mode": True,
            }
        )
    )
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokens = torch.tensor([[257, *range(20, 40)]])
    without = plain(tokens).logits.detach()
    tuned = PeftModel.from_pretrained(plain, adapter)
    assert not torch.allclose(tuned(tokens).logits, without, atol=1e-3)
    loaded = {key.replace(".default.", "."): value for key, value in tuned.named_parameters() if "lora_" in key}
    for key, array in {**a, **together.model}.items():
        assert np.array_equal(loaded[key].detach().numpy(), array)


def test_the_adapter_passes_the_suite(tmp_path, base):
    given = data(tmp_path, base)
    done, seen = suite(
        *node.COMMAND,
        "lora",
        options=(
            "--data",
            given["train"],
            "--evaluation",
            given["evaluation"],
            "--options",
            json.dumps(given["options"]),
            "--settings",
            json.dumps({**SETTINGS, "epochs": 1}),
        ),
    )
    assert done.returncode == 0, done.stdout
    assert {name for name, word in seen.items() if word != "ok"} <= {"alive"}


def test_faults_of_rows_settings_and_base_are_told_at_once(tmp_path, base):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        '{"instruction":"a","output":"b"}\nno json\n\n{"instruction":"a"}\n["a"]\n{"text":""}\n'
        '{"instruction":"a","output":"b","input":3}\n'
    )
    process = node.start(tmp_path / "scratch", "lora")
    try:
        answer = process.ask(
            "preflight",
            node.SECONDS,
            task={"settings": {"tokenizer": "blake2b:00"}},
            data={"train": str(bad), "options": {"base": str(base)}},
        )
        assert [(error.get("row"), error.get("field")) for error in answer["errors"]] == [
            (2, None),
            (4, "output"),
            (5, None),
            (6, "text"),
            (7, "input"),
            (None, "settings.tokenizer"),
        ]
        answer = process.ask(
            "preflight", node.SECONDS, task={"settings": {"use_dora": True, "r": 0}}, data=data(tmp_path, base)
        )
        assert [error["field"] for error in answer["errors"]] == ["settings.use_dora", "settings.r"]
        for options, field in (({}, "data.options.base"), ({"base": str(tmp_path)}, "data.options.base")):
            with pytest.raises(Refused) as caught:
                process.ask(
                    "prepare", node.SECONDS, data={**data(tmp_path, base), "options": options}, settings=SETTINGS
                )
            assert caught.value.code == "config" and caught.value.error["field"] == field
        with pytest.raises(Refused) as caught:
            process.ask(
                "prepare", node.SECONDS, data=data(tmp_path, base), settings={**SETTINGS, "targets": ["no_such_layer"]}
            )
        assert caught.value.error["field"] == "settings.targets"
    finally:
        process.kill()
