"""The schema of a workspace's conversations, one named step at a time; steps that have shipped are never edited."""

from __future__ import annotations

from mmcore.memory.sqlite import Database, Migrations

migrations = Migrations("sidesight.memory")


@migrations()
def conversations(db: Database) -> None:
    db.table("conversation").create({"id": str, "title": str, "started": str}, pk="id", not_null={"title", "started"})


@migrations()
def turns(db: Database) -> None:
    db.table("turn").create(
        {"id": int, "conversation": str, "role": str, "content": str, "model": str, "written": str},
        pk="id",
        foreign_keys=[("conversation", "conversation", "id")],
        not_null={"conversation", "role", "content", "written"},
    ).create_index(["conversation", "id"])


@migrations()
def images(db: Database) -> None:
    # Keyed by the content's hash: the same picture asked about twice is stored, and read, once.
    db.table("image").create(
        {"sha256": str, "path": str, "kind": str, "text": str, "width": int, "height": int},
        pk="sha256",
        not_null={"kind", "text", "width", "height"},
    )
    db.table("turn_image").create(
        {"turn": int, "place": int, "image": str},
        pk=("turn", "place"),
        foreign_keys=[("turn", "turn", "id"), ("image", "image", "sha256")],
    )


@migrations()
def readings(db: Database) -> None:
    # All that was read in a picture, and by which version: the text alone has neither its places nor its parts.
    db.table("image").add_column("reading", str)
    db.table("image").add_column("reader", str)
