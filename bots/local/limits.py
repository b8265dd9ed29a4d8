"""How often Slack lets an app call: tiers per method and minute, and one message a second into a channel."""

from collections import deque
from dataclasses import dataclass, field

TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
BURST = 3  # messages into one channel before the pace of one a second counts


@dataclass
class Limits:
    """Which of Slack's limits hold, and what was used of them."""

    tiers: bool = False
    posts: bool = False
    used: dict[str, deque[float]] = field(default_factory=dict)
    room: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, method: str, tier: int, channel: str, now: float) -> int:
        """Seconds the app must wait before this call; 0 when it may go, and then it is counted."""
        seconds = 0.0
        if self.posts and method == "chat.postMessage":
            seconds = self.pace(channel, now)
        elif self.tiers and tier:
            seconds = self.minute(method, TIERS[tier], now)
        return max(1, int(-(-seconds // 1))) if seconds > 0 else 0

    def minute(self, method: str, allowed: int, now: float) -> float:
        recent = self.used.setdefault(method, deque())
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= allowed:
            return recent[0] + 60 - now
        recent.append(now)
        return 0.0

    def pace(self, channel: str, now: float) -> float:
        """A bucket that holds BURST messages and regains one a second."""
        tokens, since = self.room.get(channel, (float(BURST), now))
        tokens = min(float(BURST), tokens + now - since)
        if tokens < 1:
            self.room[channel] = (tokens, now)
            return 1 - tokens
        self.room[channel] = (tokens - 1, now)
        return 0.0
