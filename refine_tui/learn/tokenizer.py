"""The tokenizer: byte-level BPE with single digits, split the way llama.cpp calls `starcoder`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

PRE_TOKENIZER = "starcoder"
"""The name llama.cpp knows the splitting by."""
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class Vocabulary:
    """A trained tokenizer and its marks; the first marks have the first ids."""

    tokenizer: Tokenizer
    marks: tuple[str, ...]

    @classmethod
    def train(cls, texts: Iterable[str], size: int, marks: Sequence[str]) -> Vocabulary:
        """Learn `size` tokens, the marks included, from texts; the last mark ends an answer."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(marks), initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer, tuple(marks))

    @classmethod
    def load(cls, path: Path, marks: Sequence[str]) -> Vocabulary:
        """Read a file of what `as_json` gave."""
        return cls(Tokenizer.from_file(str(path)), tuple(marks))

    def as_json(self) -> str:
        """Return the tokenizer as `load` and `transformers` read it."""
        return str(self.tokenizer.to_str(pretty=True))

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    @property
    def end(self) -> int:
        """The id of the mark that ends an answer."""
        return int(self.tokenizer.token_to_id(self.marks[-1]))

    def encode(self, text: str) -> list[int]:
        """Return token ids; marks inside the text become their own ids."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of many texts."""
        return [each.ids for each in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, marks included."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        return text
