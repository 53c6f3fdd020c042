"""The command palette: the same actions as the keys."""

from __future__ import annotations

from functools import partial

from textual.binding import ActiveBinding
from textual.command import DiscoveryHit, Hit, Hits, Provider

from refine_tui.ui.widgets.key_line import key_name


class ValidActions(Provider):
    """Everything that can be done on the screen under the palette, with its key."""

    async def discover(self) -> Hits:
        """Offer all of it before anything is typed."""
        for title, active in self._actions():
            yield DiscoveryHit(title, partial(self._run, active))

    async def search(self, query: str) -> Hits:
        """Offer what matches."""
        matcher = self.matcher(query)
        for title, active in self._actions():
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, active))

    def _actions(self) -> list[tuple[str, ActiveBinding]]:
        bindings = self.screen.active_bindings.values()
        named = [active for active in bindings if active.enabled and active.binding.id and active.binding.description]
        return [(f"{active.binding.description}  ({key_name(active.binding.key)})", active) for active in named]

    async def _run(self, active: ActiveBinding) -> None:
        await self.app.run_action(active.binding.action, active.node)
