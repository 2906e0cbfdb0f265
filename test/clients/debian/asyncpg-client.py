# asyncpg as its users write it: prepared statements, binary values, portals.
import asyncio
import json
import os

import asyncpg

tag = os.environ["CLIENT"]


def say(step, **seen):
    print(json.dumps({"step": step, **seen}), flush=True)


insert = """insert into salesforce.contacts (first_name, last_name, email)
    values ($1, $2, $3) returning id, name"""


def rows_of(status):
    return int(status.split()[-1])


async def write(db):
    paul = await db.fetchrow(insert, "Paul", "Atreides", f"paul@{tag}.example")
    say("insert", **paul)

    updated = await db.fetch(
        "update salesforce.contacts set title = $1 where id = $2 returning title",
        "Duke",
        paul["id"],
    )
    say("update", rows=len(updated), title=updated[0]["title"])

    try:
        await db.fetchrow(insert, "Paul", "Atreides", tag)
    except asyncpg.CheckViolationError as error:
        say(
            "refused",
            sqlstate=error.sqlstate,
            message=error.message,
            detail=error.detail,
            column=error.column_name,
        )
    return paul["id"]


async def change_my_mind(db):
    try:
        async with db.transaction():
            await db.execute("insert into public.local_notes (body) values ($1)", tag)
            await db.execute(insert, "Chani", "Kynes", f"chani@{tag}.example")
            raise LookupError("changed my mind")
    except LookupError:
        pass
    contacts = "select count(*) from salesforce.contacts where email = $1"
    notes = "select count(*) from public.local_notes where body = $1"
    say(
        "rollback",
        contacts=await db.fetchval(contacts, f"chani@{tag}.example"),
        notes=await db.fetchval(notes, tag),
    )


async def many(db):
    chained = await db.execute(
        """with made as (
             insert into salesforce.contacts (last_name, email) values ($1, $2) returning id
           ) insert into public.local_notes (contact_id, body) select id, $3 from made""",
        "Kynes",
        f"kynes@{tag}.example",
        tag,
    )
    joined = await db.fetchval(
        """select count(*) from public.local_notes n
           join salesforce.contacts c on c.id = n.contact_id where n.body = $1""",
        tag,
    )
    say("chain", rows=rows_of(chained), joined=joined)

    await db.executemany(
        "insert into salesforce.contacts (last_name, email) values ($1, $2)",
        [(name, f"{name}@{tag}.example") for name in ("stilgar", "jamis", "harah")],
    )
    names = "select count(*) from salesforce.contacts where email = any($1)"
    emails = [f"{name}@{tag}.example" for name in ("stilgar", "jamis", "harah")]
    say("batch", rows=await db.fetchval(names, emails))

    ids = []
    async with db.transaction():
        async for row in db.cursor("select id, value from public.readings", prefetch=1000):
            ids.append(row["id"])
    say("cursor", rows=len(ids), sum=sum(ids))


async def main():
    db = await asyncpg.connect()
    say("client", version=asyncpg.__version__)
    id = await write(db)
    await change_my_mind(db)
    await many(db)
    removed = await db.execute("delete from salesforce.contacts where id = $1", id)
    left = await db.fetchval("select count(*) from salesforce.contacts where id = $1", id)
    say("delete", rows=rows_of(removed), left=left)
    await db.close()


asyncio.run(main())
