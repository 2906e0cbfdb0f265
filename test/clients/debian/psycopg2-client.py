# psycopg 2 as its users write it.
import json
import os

import psycopg2
from psycopg2.extras import execute_values

tag = os.environ["CLIENT"]


def say(step, **seen):
    print(json.dumps({"step": step, **seen}), flush=True)


def count(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


connection = psycopg2.connect("")
connection.autocommit = True
say("client", version=psycopg2.__version__.split()[0])

insert = """insert into salesforce.contacts (first_name, last_name, email)
    values (%s, %s, %s) returning id, name"""
with connection.cursor() as cursor:
    cursor.execute(insert, ("Paul", "Atreides", f"paul@{tag}.example"))
    id, name = cursor.fetchone()
    say("insert", id=id, name=name)

    cursor.execute(
        "update salesforce.contacts set title = %s where id = %s returning title", ("Duke", id)
    )
    say("update", rows=cursor.rowcount, title=cursor.fetchone()[0])

    try:
        cursor.execute(insert, ("Paul", "Atreides", tag))
    except psycopg2.errors.CheckViolation as error:
        diag = error.diag
        say(
            "refused",
            sqlstate=error.pgcode,
            message=diag.message_primary,
            detail=diag.message_detail,
            column=diag.column_name,
        )

connection.autocommit = False
with connection.cursor() as cursor:
    cursor.execute("insert into public.local_notes (body) values (%s)", (tag,))
    cursor.execute(insert, ("Chani", "Kynes", f"chani@{tag}.example"))
connection.rollback()
say(
    "rollback",
    contacts=count(
        "select count(*) from salesforce.contacts where email = %s", f"chani@{tag}.example"
    ),
    notes=count("select count(*) from public.local_notes where body = %s", tag),
)

with connection, connection.cursor() as cursor:
    cursor.execute(
        """with made as (
             insert into salesforce.contacts (last_name, email) values (%s, %s) returning id
           ) insert into public.local_notes (contact_id, body) select id, %s from made""",
        ("Kynes", f"kynes@{tag}.example", tag),
    )
    rows = cursor.rowcount
joined = count(
    """select count(*) from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
       where n.body = %s""",
    tag,
)
say("chain", rows=rows, joined=joined)

names = ["stilgar", "jamis", "harah"]
with connection, connection.cursor() as cursor:
    made = execute_values(
        cursor,
        "insert into salesforce.contacts (last_name, email) values %s returning id",
        [(name, f"{name}@{tag}.example") for name in names],
        fetch=True,
    )
say("batch", rows=len(set(made)))

with connection, connection.cursor("all_readings") as cursor:
    cursor.itersize = 1000
    cursor.execute("select id, value from public.readings")
    ids = [id for id, _ in cursor]
say("cursor", rows=len(ids), sum=sum(ids))

with connection, connection.cursor() as cursor:
    cursor.execute("delete from salesforce.contacts where id = %s", (id,))
    rows = cursor.rowcount
say("delete", rows=rows, left=count("select count(*) from salesforce.contacts where id = %s", id))

connection.close()
