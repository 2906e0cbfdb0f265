# psycopg 3 as its users write it: server-side parameters, a pipeline for executemany.
import json
import os

import psycopg
from psycopg.rows import dict_row

tag = os.environ["CLIENT"]


def say(step, **seen):
    print(json.dumps({"step": step, **seen}), flush=True)


def count(query, *values):
    return connection.execute(query, values).fetchone()[0]


insert = """insert into salesforce.contacts (first_name, last_name, email)
    values (%s, %s, %s) returning id, name"""

with psycopg.connect("", autocommit=True) as connection:
    say("client", version=psycopg.__version__)

    dicts = connection.cursor(row_factory=dict_row, binary=True)
    paul = dicts.execute(insert, ("Paul", "Atreides", f"paul@{tag}.example")).fetchone()
    say("insert", **paul)

    updated = connection.execute(
        "update salesforce.contacts set title = %(title)s where id = %(id)s returning title",
        {"title": "Duke", "id": paul["id"]},
    )
    say("update", rows=updated.rowcount, title=updated.fetchone()[0])

    try:
        connection.execute(insert, ("Paul", "Atreides", tag))
    except psycopg.errors.CheckViolation as error:
        diag = error.diag
        say(
            "refused",
            sqlstate=error.sqlstate,
            message=diag.message_primary,
            detail=diag.message_detail,
            column=diag.column_name,
        )

    with connection.transaction():
        connection.execute("insert into public.local_notes (body) values (%s)", (tag,))
        connection.execute(insert, ("Chani", "Kynes", f"chani@{tag}.example"))
        raise psycopg.Rollback()
    say(
        "rollback",
        contacts=count(
            "select count(*) from salesforce.contacts where email = %s", f"chani@{tag}.example"
        ),
        notes=count("select count(*) from public.local_notes where body = %s", tag),
    )

    chained = connection.execute(
        """with made as (
             insert into salesforce.contacts (last_name, email) values (%s, %s) returning id
           ) insert into public.local_notes (contact_id, body) select id, %s from made""",
        ("Kynes", f"kynes@{tag}.example", tag),
    )
    joined = count(
        """select count(*) from public.local_notes n
           join salesforce.contacts c on c.id = n.contact_id where n.body = %s""",
        tag,
    )
    say("chain", rows=chained.rowcount, joined=joined)

    # a pipeline: three Bind/Execute before one Sync
    ids = set()
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into salesforce.contacts (last_name, email) values (%s, %s) returning id",
            [(name, f"{name}@{tag}.example") for name in ("stilgar", "jamis", "harah")],
            returning=True,
        )
        while True:
            ids.add(cursor.fetchone())
            if not cursor.nextset():
                break
    say("batch", rows=len(ids))

    with connection.transaction(), connection.cursor("all_readings") as cursor:
        cursor.itersize = 1000
        ids = [id for id, _ in cursor.execute("select id, value from public.readings")]
    say("cursor", rows=len(ids), sum=sum(ids))

    removed = connection.execute("delete from salesforce.contacts where id = %s", (paul["id"],))
    say(
        "delete",
        rows=removed.rowcount,
        left=count("select count(*) from salesforce.contacts where id = %s", paul["id"]),
    )
