"""The weights that ship, in the forms that others serve: a transformers model, stock ONNX files in fp32 and in int8.

Read back out of the artifact (models/unpack.py), so that all contenders have the same weights and are checked for the
same verdicts. Needs [train].
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
)
from transformers import logging as transformers_logging
from transformers.modeling_outputs import SequenceClassifierOutput

from benchmarks.speed.zoo import HEAD, labels_of
from benchmarks.speed.zoo import shipped as shipped  # whoever asks for weights begins with it
from models.artifact import Artifact
from models.engines.texts import tokenizer_of
from models.unpack import unpack

OPSET = 17


class SpanlessClassifier(BertForSequenceClassification):  # type: ignore[misc]
    """BERT whose text head stands on the mean of all tokens, or on the first one, as ours does: no pooler layer."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: torch.Tensor
    ) -> SequenceClassifierOutput:
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.config.text_pooling == "first":
            return SequenceClassifierOutput(logits=self.classifier(hidden[:, 0]))
        mask = attention_mask.to(hidden.dtype).unsqueeze(-1)
        return SequenceClassifierOutput(logits=self.classifier((hidden * mask).sum(1) / mask.sum(1)))


class Exported(torch.nn.Module):  # type: ignore[misc]
    """A model as a function of tensors alone; of a reader start and end logits are one output [B, S, 2]."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, **types)
        return out.logits if "logits" in out else torch.stack((out.start_logits, out.end_logits), -1)


def text_model(artifact: Artifact) -> SpanlessClassifier:
    """The encoder with its text head HEAD. Raises ArtifactError, InputError."""
    labels = labels_of(artifact)
    unpacked = unpack(artifact)
    config = bert_config(unpacked.config, artifact, labels)
    prefixes = {"encoder.": "bert.", f"heads.{HEAD}.": "classifier."}
    model: SpanlessClassifier = filled(SpanlessClassifier(config), unpacked.weights, prefixes)
    return model


def reader_model(artifact: Artifact) -> BertForQuestionAnswering:
    """Raises ArtifactError."""
    unpacked = unpack(artifact)
    model = BertForQuestionAnswering(bert_config(unpacked.config, artifact, ("start", "end")))
    return filled(model, unpacked.weights, {"encoder.": "bert.", "outputs.": "qa_outputs."})


def base_model(artifact: Artifact) -> BertForSequenceClassification:
    """Of BERT-base's size, which is FinBERT's, with random weights: time does not depend on them, verdicts do."""
    torch.manual_seed(0)
    labels = labels_of(artifact)
    return BertForSequenceClassification(BertConfig(id2label=dict(enumerate(labels)), num_labels=len(labels))).eval()


def bert_config(config: Mapping[str, Any], artifact: Artifact, labels: tuple[str, ...]) -> BertConfig:
    shape = {name: value for name, value in config.items() if name != "model_type"}
    return BertConfig(
        **shape,
        id2label=dict(enumerate(labels)),
        num_labels=len(labels),
        pad_token_id=artifact.config.pad_id,
        text_pooling=artifact.config.text_pooling,
    )


def filled(model: Any, weights: Mapping[str, Any], prefixes: Mapping[str, str]) -> Any:
    """The model with weights by their own names; one that it lacks or that is missing raises RuntimeError."""
    named = {
        new + name.removeprefix(old): torch.from_numpy(np.array(value, np.float32))
        for name, value in weights.items()
        for old, new in prefixes.items()
        if name.startswith(old)
    }
    model.load_state_dict(named)
    return model.eval()


def transformers_tokenizer(artifact: Artifact) -> PreTrainedTokenizerFast:
    """Ours as transformers wraps it, cutting where ours does."""
    own = tokenizer_of(artifact)
    special = {"pad_token": own.id_to_token(artifact.config.pad_id), "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=artifact.config.max_tokens, **special)


def export(model: Any, path: Path, *, types: bool = False) -> Path:
    """Stock fp32: inputs input_ids, attention_mask and with `types` token_type_ids, int64 [B, S]; output "logits".

    The tracing exporter with attention written out, for ONNX Runtime's own optimizer knows that form: of what the newer
    exporter writes it fuses no attention (1.32).
    """
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    mask = torch.tensor([[1] * 7, [1] * 3 + [0] * 4])
    given = (torch.ones_like(mask) * 5, mask, *([torch.zeros_like(mask)] if types else []))
    model.set_attn_implementation("eager")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Exported(model).eval(), given, str(path), input_names=names, output_names=["logits"], opset_version=OPSET,
            dynamo=False, dynamic_axes={name: {0: "B", 1: "S"} for name in [*names, *(["logits"] if types else [])]},
        )  # fmt: skip
    model.set_attn_implementation("sdpa")
    return path


def fused(path: Path, model: Any, into: Path) -> Path:
    """What onnxruntime.transformers.optimizer makes of an export: the way its documentation gives for BERT."""
    config = model.config
    with quiet():
        made = optimizer.optimize_model(
            str(path), "bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size, opt_level=0
        )
        made.save_model_to_file(str(into))
    return into


def dynamic_int8(path: Path, into: Path) -> Path:
    """onnxruntime's quantize_dynamic: int8 weights per channel, ranges of activations found at each call."""
    with quiet():
        quantize_dynamic(
            str(path), str(into), per_channel=True, weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # behind a fused node nobody infers it
        )  # fmt: skip
    return into


@contextmanager
def quiet() -> Iterator[None]:
    """Without what these tools say about their work."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
