"""LoRA: fine-tuning of a causal language model by settings only. The matrices A are drawn from a hash and stay as they are,
only B is trained and travels: the mean of the products is then the product with the mean.

Rows are JSON lines with ``instruction``, ``output`` and, if they like, ``input``; or with ``text`` alone. The owner's option
``base`` names the folder of the base model (safetensors, with its tokenizer); no code of it is run.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..adapter import (
    Adapter,
    Data,
    Description,
    Estimate,
    Evaluated,
    Hello,
    Job,
    Prepared,
    Progress,
    Report,
    Task,
    Trained,
)
from ..errors import Fault, TrainerError
from ..safefile import open_input
from ..seeds import seed_everything
from ..settings import Setting, checked_settings, read_settings
from ..tensors import Array, TensorSpec, TensorTable
from ..version import VERSION
from .torch_device import set_up
from .torch_model import array_of

SETTINGS = (
    Setting("r", "integer", 8, "rank of the adapter", 1, 256),
    Setting("alpha", "number", 16.0, "the adapter's product is multiplied by alpha / r", 0.001, 10_000),
    Setting("targets", "texts", ["q_proj", "v_proj"], "linear layers that get an adapter, by the end of their name"),
    Setting("lr", "number", 0.001, "learning rate of AdamW, whose moments begin anew in each round", 0, 10),
    Setting("epochs", "integer", 1, "passes over the rows in a round", 0, 1000),
    Setting("batch_size", "integer", 4, "rows of one step", 1, 4096),
    Setting("max_length", "integer", 512, "tokens of a row; what is longer is cut at its end", 8, 1 << 20),
    Setting("template", "text", "### Instruction:\n{instruction}\n\n### Response:\n", "the text before an answer; it holds "
            "{instruction} and may hold {input}", most=2000),
    Setting("tokenizer", "text", "any", "blake2b: and 64 digits, the hash of tokenizer.json; or any", most=80),
)  # fmt: skip

_BASE_STEP = "name the base model's folder as base in the trainer's options in the node's configuration"


def make(app: Path | None) -> Adapter:
    return LoraText()


def seeded_a(seed: int, name: str, shape: Sequence[int]) -> Array:
    """The matrix A [r, inputs] of a layer, uniform in ± 1 / √inputs, the same on every machine.

    Block i is SHA-256 of ``meshnode/lora-a/1|SEED|NAME|i``; each four bytes, little-endian, give with their low 24 bits w
    the value (2 w / 2²⁴ − 1) / √inputs, in binary64 and then rounded to binary32, row by row.
    """
    count = math.prod(shape)
    blocks = (
        hashlib.sha256(f"meshnode/lora-a/1|{seed}|{name}|{block}".encode()).digest() for block in range(-(-count // 8))
    )
    words = np.frombuffer(b"".join(blocks), "<u4")[:count] & 0xFFFFFF
    values = (2 * words.astype(np.float64) / 2**24 - 1) / math.sqrt(shape[1])
    return np.asarray(values.astype(np.float32).reshape(shape))


class LoraText(Adapter):
    """The base model is loaded once and never changes; A and B are put into it for each request."""

    def hello(self, hello: Hello) -> Description:
        self.torch, self.device = set_up(hello)
        import peft
        import transformers

        self.peft, self.transformers = peft, transformers
        return Description(
            "lora",
            VERSION,
            self.device,
            {"torch": self.torch.__version__, "peft": peft.__version__, "transformers": transformers.__version__},
            {"evaluate": True},
        )

    def preflight(self, task: Task, data: Data | None) -> Report:
        settings, faults = read_settings(SETTINGS, task.settings)
        if faults or data is None:
            return Report(tuple(faults))
        base = _base(data, faults)
        for path in (data.train, data.evaluation):
            try:
                if path is not None:
                    read_texts(path, settings["template"])
            except TrainerError as error:
                faults += error.faults
        if base is not None:
            faults += _tokenizer_faults(base, settings)
            size = sum(path.stat().st_size for path in base.glob("*.safetensors")) / 2**20
            return Report(tuple(faults), estimate=Estimate(ram_mb=round(600 + 2.5 * size)))
        return Report(tuple(faults))

    def prepare(self, task: Task, data: Data, seed: int, progress: Progress) -> Prepared:
        faults: list[Fault] = []
        self.settings = checked_settings(SETTINGS, task.settings)
        base = _base(data, faults)
        if base is not None:
            faults += _tokenizer_faults(base, self.settings)
        if base is None or faults:
            raise TrainerError(*faults)
        texts = read_texts(data.train, self.settings["template"])
        held_out = [] if data.evaluation is None else read_texts(data.evaluation, self.settings["template"])
        self.tokenizer = self.transformers.AutoTokenizer.from_pretrained(
            str(base), local_files_only=True, trust_remote_code=False
        )
        self.model = self._model(base)
        named = self._adapters()
        self.table = TensorTable(
            TensorSpec(name, tuple(int(one) for one in value.shape), "F32", "train" if ".lora_B." in name else "frozen")
            for name, value in named.items()
        )
        start = {
            spec.name: np.zeros(spec.shape, np.float32)
            if spec.role == "train"
            else seeded_a(seed, spec.name, spec.shape)
            for spec in self.table
        }
        self.rows, self.held_out = ([self._encoded(*text) for text in part] for part in (texts, held_out))
        return Prepared(len(texts), len(held_out), self.table, start)

    def train(self, job: Job, progress: Progress) -> Trained:
        settings = checked_settings(SETTINGS, job.settings) if job.settings else self.settings
        for name in ("r", "alpha", "targets", "template", "max_length"):
            if settings[name] != self.settings[name]:
                raise TrainerError(
                    Fault("config", "is another than in prepare", "prepare again", field=f"settings.{name}")
                )
        torch, rows = self.torch, self.rows if job.split == "train" else self.held_out
        self._put(job)
        seed_everything(job.seed)
        trained = [one for one in self.model.parameters() if one.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=settings["lr"], weight_decay=0.0)
        order, size = np.random.default_rng(job.seed), settings["batch_size"]
        steps, step, loss = settings["epochs"] * -(-len(rows) // size), 0, 0.0
        self.model.train()
        for epoch in range(settings["epochs"]):
            chosen = order.permutation(len(rows))
            for first in range(0, len(rows), size):
                optimiser.zero_grad()
                value = self._losses([rows[place] for place in chosen[first : first + size]]).mean()
                value.backward()
                optimiser.step()
                loss, step = float(value.detach()), step + 1
                progress(step=step, of=steps, epoch=epoch + 1, loss=loss)
        named = self._adapters()
        weights = {spec.name: array_of(torch, named[spec.name]) for spec in self.table if spec.role == "train"}
        return Trained(weights, len(rows), {"loss": loss} if step else {})

    def evaluate(self, job: Job, progress: Progress) -> Evaluated:
        self._put(job)
        self.model.eval()
        size, total = self.settings["batch_size"], 0.0
        with self.torch.no_grad():
            for first in range(0, len(self.held_out), size):
                total += float(self._losses(self.held_out[first : first + size]).sum())
                progress(step=first + size, of=len(self.held_out))
        return Evaluated(len(self.held_out), total / len(self.held_out))

    def _model(self, base: Path) -> Any:
        # PEFT draws A and sets B to zeros with the generator of PyTorch; both are replaced for each request.
        seed_everything(0)
        model = self.transformers.AutoModelForCausalLM.from_pretrained(
            str(base), dtype=self.torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        config = self.peft.LoraConfig(
            r=self.settings["r"],
            lora_alpha=self.settings["alpha"],
            lora_dropout=0.0,
            bias="none",
            target_modules=list(self.settings["targets"]),
            task_type="CAUSAL_LM",
        )
        try:
            adapted = self.peft.get_peft_model(model, config)
        except ValueError as error:
            raise TrainerError(
                Fault(
                    "config",
                    f"does not fit the base model: {error}",
                    "name layers of the base model",
                    field="settings.targets",
                )
            ) from None
        for name, value in adapted.named_parameters():
            value.requires_grad_(".lora_B." in name)
        return adapted.to(self.device)

    def _adapters(self) -> dict[str, Any]:
        """A and B of every layer, by the names that PEFT's own files have, in the order of the model."""
        return {
            name.replace(".default.", "."): value
            for name, value in self.model.named_parameters()
            if ".lora_A." in name or ".lora_B." in name
        }

    def _put(self, job: Job) -> None:
        with self.torch.no_grad():
            for name, value in self._adapters().items():
                value.copy_(self.torch.from_numpy(job.weights[name]))

    def _encoded(self, before: str, answer: str) -> tuple[list[int], int]:
        """Tokens of a row, and how many of them are not learnt."""
        most = self.settings["max_length"]
        start = [] if self.tokenizer.bos_token_id is None else [self.tokenizer.bos_token_id]
        end = [] if self.tokenizer.eos_token_id is None else [self.tokenizer.eos_token_id]
        head = start + self.tokenizer.encode(before, add_special_tokens=False) if before else start
        tokens = head + self.tokenizer.encode(answer, add_special_tokens=False) + end
        # Of a head that fills the row, the last token is given up so that one is left to learn.
        return tokens[:most], min(max(len(head), 1), most - 1)

    def _losses(self, rows: Sequence[tuple[list[int], int]]) -> Any:
        """Mean cross-entropy of the learnt tokens of each row: [rows]."""
        torch, width = self.torch, max(len(tokens) for tokens, _ in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask, learnt = torch.zeros_like(ids), torch.zeros((len(rows), width))
        for place, (tokens, head) in enumerate(rows):
            ids[place, : len(tokens)] = torch.tensor(tokens)
            mask[place, : len(tokens)] = 1
            learnt[place, head : len(tokens)] = 1
        ids, mask, learnt = ids.to(self.device), mask.to(self.device), learnt.to(self.device)[:, 1:]
        scores = self.model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
        each = torch.nn.functional.cross_entropy(scores.transpose(1, 2), ids[:, 1:], reduction="none")
        return (each * learnt).sum(1) / learnt.sum(1).clamp(min=1)


def read_texts(path: Path, template: str) -> list[tuple[str, str]]:
    """Text before the answer, and answer, of each line. Raises ``TrainerError`` (data) with all faults."""
    rows: list[tuple[str, str]] = []
    faults: list[Fault] = []

    def fault(row: int, reason: str, field: str | None = None) -> None:
        faults.append(Fault("data", reason, "correct the line, or leave it out", str(path), row, field))

    with open_input(path, limits.ROW_FILE_BYTES, code="data", follow=True) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                fault(number, f"is no JSON: {error}")
                continue
            if not isinstance(row, Mapping):
                fault(number, "is no JSON object")
                continue
            names = ("text",) if "text" in row else ("instruction", "output")
            bad = [name for name in names if not isinstance(row.get(name), str) or not row[name].strip()]
            if not isinstance(row.get("input", ""), str):
                bad.append("input")
            for name in bad:
                fault(number, "is no text, or an empty one", name)
            if not bad and names == ("text",):
                rows.append(("", row["text"]))
            elif not bad:
                rows.append((filled(template, row["instruction"], row.get("input", "")), row["output"]))
    if faults:
        raise TrainerError(*faults)
    if not rows:
        raise TrainerError(Fault("data", "has no rows", "name a file with rows", file=str(path)))
    return rows


def filled(template: str, instruction: str, given: str) -> str:
    """The template with its two places filled; braces within the texts stay as they are. Where the template has no place
    for the input, it follows the instruction on a line of its own."""
    if "{input}" not in template and given:
        instruction = f"{instruction}\n{given}"
    parts = template.split("{instruction}")
    return instruction.join(part.replace("{input}", given) for part in parts)


def _base(data: Data, faults: list[Fault]) -> Path | None:
    text = data.options.get("base")
    if not isinstance(text, str) or not (Path(text) / "config.json").is_file():
        faults.append(Fault("config", "names no folder with a config.json", _BASE_STEP, field="data.options.base"))
        return None
    if not list(Path(text).glob("*.safetensors")):
        faults.append(
            Fault(
                "config",
                "has no safetensors; pickles are never loaded",
                "convert the base model",
                file=text,
                field="data.options.base",
            )
        )
        return None
    return Path(text)


def _tokenizer_faults(base: Path, settings: Mapping[str, Any]) -> list[Fault]:
    if settings["tokenizer"] == "any":
        return []
    try:
        found = "blake2b:" + hashlib.blake2b((base / "tokenizer.json").read_bytes(), digest_size=32).hexdigest()
    except OSError as error:
        found = f"unreadable ({error.strerror})"
    if found == settings["tokenizer"]:
        return []
    return [
        Fault(
            "config",
            f"is {settings['tokenizer']} in the task, that of this base model is {found}",
            "use the base model of the task",
            file=str(base / "tokenizer.json"),
            field="settings.tokenizer",
        )
    ]
