# SQLAlchemy (on psycopg 2) as its users write it: declarative models, a Session, Core for what is many rows at once.
import json
import os

import sqlalchemy as sa
from sqlalchemy.orm import Session, declarative_base

tag = os.environ["CLIENT"]
Base = declarative_base()


def say(step, **seen):
    print(json.dumps({"step": step, **seen}), flush=True)


class Contact(Base):
    __tablename__ = "contacts"
    __table_args__ = {"schema": "salesforce"}
    # the platform gives the id: without this SQLAlchemy wants one from the program
    id = sa.Column(sa.String(18), primary_key=True, server_default=sa.FetchedValue())
    first_name = sa.Column(sa.String)
    last_name = sa.Column(sa.String)
    name = sa.Column(sa.String, server_default=sa.FetchedValue())
    email = sa.Column(sa.String)
    title = sa.Column(sa.String)


notes = sa.table("local_notes", sa.column("contact_id"), sa.column("body"))
readings = sa.table("readings", sa.column("id"), sa.column("value"))
engine = sa.create_engine("postgresql+psycopg2://")
say("client", version=sa.__version__)


def count(source, *where):
    with Session(engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(source).where(*where))


with Session(engine) as session:
    paul = Contact(first_name="Paul", last_name="Atreides", email=f"paul@{tag}.example")
    session.add(paul)
    session.commit()
    say("insert", id=paul.id, name=paul.name)

    paul.title = "Duke"
    session.commit()
    say("update", rows=count(Contact, Contact.id == paul.id), title=paul.title)

    session.add(Contact(last_name="Atreides", email=tag))
    try:
        session.commit()
    except sa.exc.IntegrityError as error:
        session.rollback()
        diag = error.orig.diag
        say(
            "refused",
            sqlstate=error.orig.pgcode,
            message=diag.message_primary,
            detail=diag.message_detail,
            column=diag.column_name,
        )

    session.execute(sa.insert(notes).values(body=tag))
    session.add(Contact(last_name="Kynes", email=f"chani@{tag}.example"))
    session.flush()
    session.rollback()
    say(
        "rollback",
        contacts=count(Contact, Contact.email == f"chani@{tag}.example"),
        notes=count(notes, notes.c.body == tag),
    )

    made = (
        sa.insert(Contact)
        .values(last_name="Kynes", email=f"kynes@{tag}.example")
        .returning(Contact.id)
        .cte("made")
    )
    chained = session.execute(
        sa.insert(notes).from_select(
            ["contact_id", "body"], sa.select(made.c.id, sa.literal(tag))
        )
    )
    session.commit()
    linked = sa.join(notes, Contact, Contact.id == notes.c.contact_id)
    say("chain", rows=chained.rowcount, joined=count(linked, notes.c.body == tag))

    batch = [
        Contact(last_name=name, email=f"{name}@{tag}.example")
        for name in ("stilgar", "jamis", "harah")
    ]
    session.add_all(batch)
    session.commit()
    say("batch", rows=len({contact.id for contact in batch}))

    stream = session.execute(sa.select(readings), execution_options={"yield_per": 1000})
    ids = [row.id for row in stream]
    say("cursor", rows=len(ids), sum=sum(ids))

    removed = session.execute(sa.delete(Contact).where(Contact.id == paul.id))
    session.commit()
    say(
        "delete",
        rows=removed.rowcount,
        left=count(Contact, Contact.email == f"paul@{tag}.example"),
    )
