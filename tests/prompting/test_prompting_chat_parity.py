"""Our rendering beside that of transformers: the same text, or a refusal on both sides."""

from __future__ import annotations

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.prompting.templates import render
from tests.prompting.chat_templates import CONVERSATIONS, SITUATIONS, TEMPLATES

pytestmark = pytest.mark.train


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_conversation_is_written_as_transformers_writes_it(template: str) -> None:
    import jinja2
    from transformers.utils.chat_template_utils import render_jinja_template

    same = refused = 0
    for messages in CONVERSATIONS.values():
        for given in SITUATIONS.values():
            for answers in (True, False):
                told = dict(given)
                tools, documents = told.pop("tools"), told.pop("documents")
                try:
                    written, _ = render_jinja_template(
                        [messages], tools, documents, TEMPLATES[template], add_generation_prompt=answers, **told
                    )
                except (jinja2.TemplateError, TypeError, AttributeError):
                    with pytest.raises(ModelError):
                        render(TEMPLATES[template], {"messages": messages, "add_generation_prompt": answers, **given})
                    refused += 1
                else:
                    assert [render(TEMPLATES[template], {"messages": messages, "add_generation_prompt": answers, **given})] == written
                    same += 1
    assert same >= 30
    assert same + refused == len(CONVERSATIONS) * len(SITUATIONS) * 2
