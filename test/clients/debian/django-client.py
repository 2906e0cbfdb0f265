# Django's ORM (on psycopg 2) as its users write it: models, save, bulk_create, atomic, iterator.
import json
import os

import django
from django.conf import settings
from django.db import IntegrityError, connection, models, transaction

tag = os.environ["CLIENT"]


def say(step, **seen):
    print(json.dumps({"step": step, **seen}), flush=True)


settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"],
            "PASSWORD": os.environ["PGPASSWORD"],
        }
    }
)
django.setup()


class PlatformId(models.AutoField):
    """A key that the platform gives: left out of an INSERT and read back. Django's own are numbers."""

    validators = ()

    def db_type(self, connection):
        return "text"

    def rel_db_type(self, connection):
        return "text"

    def to_python(self, value):
        return value

    def get_prep_value(self, value):
        return value


class Contact(models.Model):
    id = PlatformId(primary_key=True)
    first_name = models.TextField(null=True)
    last_name = models.TextField()
    email = models.TextField(null=True)
    title = models.TextField(null=True)

    class Meta:
        app_label = "clients"
        managed = False
        db_table = 'salesforce"."contacts'


class Note(models.Model):
    contact = models.TextField(db_column="contact_id", primary_key=True)
    body = models.TextField()

    class Meta:
        app_label = "clients"
        managed = False
        db_table = "local_notes"


class Reading(models.Model):
    value = models.TextField()

    class Meta:
        app_label = "clients"
        managed = False
        db_table = "readings"


say("client", version=django.get_version())

paul = Contact.objects.create(
    first_name="Paul", last_name="Atreides", email=f"paul@{tag}.example"
)
named = Contact.objects.extra(select={"name": "name"}).get(pk=paul.pk)
say("insert", id=paul.pk, name=named.name)

paul.title = "Duke"
paul.save()
paul.refresh_from_db()
say("update", rows=Contact.objects.filter(pk=paul.pk, title="Duke").count(), title=paul.title)

try:
    Contact.objects.create(last_name="Atreides", email=tag)
except IntegrityError as error:
    diag = error.__cause__.diag
    say(
        "refused",
        sqlstate=error.__cause__.pgcode,
        message=diag.message_primary,
        detail=diag.message_detail,
        column=diag.column_name,
    )

try:
    with transaction.atomic():
        Note.objects.create(contact="", body=tag)
        Contact.objects.create(last_name="Kynes", email=f"chani@{tag}.example")
        raise LookupError("changed my mind")
except LookupError:
    pass
say(
    "rollback",
    contacts=Contact.objects.filter(email=f"chani@{tag}.example").count(),
    notes=Note.objects.filter(body=tag).count(),
)

with connection.cursor() as cursor:
    cursor.execute(
        """with made as (
             insert into salesforce.contacts (last_name, email) values (%s, %s) returning id
           ) insert into public.local_notes (contact_id, body) select id, %s from made""",
        ["Kynes", f"kynes@{tag}.example", tag],
    )
    rows = cursor.rowcount
chained = list(Note.objects.filter(body=tag).values_list("contact", flat=True))
say("chain", rows=rows, joined=Contact.objects.filter(pk__in=chained).count())

batch = Contact.objects.bulk_create(
    Contact(last_name=name, email=f"{name}@{tag}.example")
    for name in ("stilgar", "jamis", "harah")
)
say("batch", rows=len({contact.pk for contact in batch}))

ids = [reading.id for reading in Reading.objects.iterator(chunk_size=1000)]
say("cursor", rows=len(ids), sum=sum(ids))

removed, _ = Contact.objects.filter(pk=paul.pk).delete()
say("delete", rows=removed, left=Contact.objects.filter(pk=paul.pk).count())
