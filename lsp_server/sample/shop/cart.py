"""A cart and its total."""

from dataclasses import dataclass, field

from shop.prices import price_of


@dataclass
class Cart:
    items: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, amount: int = 1) -> None:
        self.items[name] = self.items.get(name, 0) + amount

    def total(self) -> int:
        return sum(price_of(name) * amount for name, amount in self.items.items())


def discount(total: int, percent: int) -> int:
    """The total in cents after `percent` is taken off, rounded down."""
    
