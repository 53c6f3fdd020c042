"""The recipe of the model that ships: corpus, examples, tokenizer, network, training, export, figures.

Importing this package needs the standard library only; `refine_tui.learn.recipe.run` needs the `train` extra.
What injects bugs and what renders prompts is handed in, because this room knows no other room.
"""
