// Statements in the shape in which object-relational mappers and query builders write them, with what they mean.

/** [text, kind, table, columns set or inserted] */
export type OrmCase = readonly [string, string, string, readonly string[] | null]

const contacts = 'salesforce.contacts'

export const orm: Readonly<Record<string, readonly OrmCase[]>> = {
  prisma: [
    [
      'INSERT INTO "salesforce"."contacts" ("email","name") VALUES ($1,$2) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."email"',
      'insert',
      contacts,
      ['email', 'name'],
    ],
    [
      'INSERT INTO "salesforce"."contacts" ("email") VALUES ($1), ($2), ($3) ON CONFLICT DO NOTHING',
      'insert',
      contacts,
      ['email'],
    ],
    [
      'INSERT INTO "salesforce"."contacts" ("email","name") VALUES ($1,$2) ON CONFLICT ("email") DO UPDATE SET "name" = $3 WHERE ("salesforce"."contacts"."email" = $4 AND 1=1) RETURNING "salesforce"."contacts"."id"',
      'insert',
      contacts,
      ['email', 'name'],
    ],
    [
      'UPDATE "salesforce"."contacts" SET "name" = $1, "updated_at" = $2 WHERE ("salesforce"."contacts"."id" = $3 AND 1=1) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."name"',
      'update',
      contacts,
      ['name', 'updated_at'],
    ],
    [
      'UPDATE "salesforce"."contacts" SET "score" = "salesforce"."contacts"."score" + $1 WHERE "salesforce"."contacts"."id" IN ($2,$3) /* traceparent=00-01-02-00 */',
      'update',
      contacts,
      ['score'],
    ],
    [
      'DELETE FROM "salesforce"."contacts" WHERE ("salesforce"."contacts"."id" = $1 AND 1=1) RETURNING "salesforce"."contacts"."id"',
      'delete',
      contacts,
      null,
    ],
    ['DELETE FROM "salesforce"."contacts" WHERE 1=1', 'delete', contacts, null],
  ],
  typeorm: [
    [
      'INSERT INTO "salesforce"."contacts"("id", "email", "name", "created_at") VALUES (DEFAULT, $1, $2, DEFAULT) RETURNING "id", "created_at"',
      'insert',
      contacts,
      ['id', 'email', 'name', 'created_at'],
    ],
    [
      'INSERT INTO "salesforce"."contacts"("id", "email") VALUES (DEFAULT, $1) ON CONFLICT ( "email" ) DO UPDATE SET "email" = EXCLUDED."email"  RETURNING "id"',
      'insert',
      contacts,
      ['id', 'email'],
    ],
    [
      'UPDATE "salesforce"."contacts" SET "name" = $1, "version" = "version" + 1, "updatedAt" = CURRENT_TIMESTAMP WHERE "id" IN ($2) RETURNING "version", "updatedAt"',
      'update',
      contacts,
      ['name', 'version', 'updatedAt'],
    ],
    [
      'UPDATE "salesforce"."contacts" SET "deletedAt" = CURRENT_TIMESTAMP WHERE ("id" = $1)',
      'update',
      contacts,
      ['deletedAt'],
    ],
    ['DELETE FROM "salesforce"."contacts" WHERE "id" = $1', 'delete', contacts, null],
    ['DELETE FROM "contacts" WHERE "id" IN ($1, $2)', 'delete', 'contacts', null],
  ],
  sequelize: [
    [
      'INSERT INTO "salesforce"."contacts" ("id","email","createdAt","updatedAt") VALUES (DEFAULT,$1,$2,$3) RETURNING "id","email","createdAt","updatedAt";',
      'insert',
      contacts,
      ['id', 'email', 'createdAt', 'updatedAt'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("id","email") VALUES (DEFAULT,'a@b.c'),(DEFAULT,'d@e.f') RETURNING "id","email";`,
      'insert',
      contacts,
      ['id', 'email'],
    ],
    [
      'INSERT INTO "contacts" ("id","email") VALUES ($1,$2) ON CONFLICT ("id") DO UPDATE SET "id"=EXCLUDED."id","email"=EXCLUDED."email" RETURNING "id","email";',
      'insert',
      'contacts',
      ['id', 'email'],
    ],
    [
      'UPDATE "salesforce"."contacts" SET "name"=$1,"updatedAt"=$2 WHERE "id" = $3',
      'update',
      contacts,
      ['name', 'updatedAt'],
    ],
    [
      `UPDATE "contacts" SET "score"="score"+ 1,"updatedAt"='2026-11-25 10:00:00.000 +00:00' WHERE "id" = 1 RETURNING "id","score"`,
      'update',
      'contacts',
      ['score', 'updatedAt'],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE "id" = '003A'`, 'delete', contacts, null],
    [
      'DELETE FROM "contacts" WHERE "id" IN (SELECT "id" FROM "contacts" WHERE "name" = $1 LIMIT 1)',
      'delete',
      'contacts',
      null,
    ],
    ['TRUNCATE "contacts" RESTART IDENTITY CASCADE', 'truncate', 'contacts', null],
  ],
  django: [
    [
      `INSERT INTO "contacts" ("email", "name", "active") VALUES ('a@b.c', 'It''s', true) RETURNING "contacts"."id"`,
      'insert',
      'contacts',
      ['email', 'name', 'active'],
    ],
    [
      'INSERT INTO "contacts" ("email", "name") VALUES (%s, %s) ON CONFLICT DO NOTHING'
        .replaceAll('%s', "'x'"),
      'insert',
      'contacts',
      ['email', 'name'],
    ],
    [
      `INSERT INTO "contacts" ("email", "name") (SELECT * FROM UNNEST(('{a}')::varchar[], ('{b}')::varchar[])) RETURNING "contacts"."id"`,
      'insert',
      'contacts',
      ['email', 'name'],
    ],
    [
      `UPDATE "contacts" SET "name" = 'x', "updated" = '2026-11-25T10:00:00+00:00'::timestamptz WHERE "contacts"."id" = 1`,
      'update',
      'contacts',
      ['name', 'updated'],
    ],
    [
      `UPDATE "contacts" SET "name" = CASE WHEN ("contacts"."id" = 1) THEN 'a' WHEN ("contacts"."id" = 2) THEN 'b' ELSE NULL END::varchar(255) WHERE "contacts"."id" IN (1, 2)`,
      'update',
      'contacts',
      ['name'],
    ],
    [
      'UPDATE "contacts" SET "score" = ("contacts"."score" + 1) WHERE "contacts"."id" = 1',
      'update',
      'contacts',
      ['score'],
    ],
    ['DELETE FROM "contacts" WHERE "contacts"."id" IN (3, 2, 1)', 'delete', 'contacts', null],
    [
      'DELETE FROM "contacts" WHERE "contacts"."id" IN (SELECT U0."id" FROM "contacts" U0 INNER JOIN "accounts" U1 ON (U0."account_id" = U1."id") WHERE U1."name" LIKE \'a%\')',
      'delete',
      'contacts',
      null,
    ],
  ],
  sqlalchemy: [
    [
      'INSERT INTO salesforce.contacts (email, name) VALUES ($1::VARCHAR, $2::VARCHAR) RETURNING salesforce.contacts.id',
      'insert',
      contacts,
      ['email', 'name'],
    ],
    [
      'INSERT INTO salesforce.contacts (email, name) SELECT p0::VARCHAR, p1::VARCHAR FROM (VALUES ($1, $2, 0), ($3, $4, 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING salesforce.contacts.id, salesforce.contacts.id AS id__1',
      'insert',
      contacts,
      ['email', 'name'],
    ],
    [
      `INSERT INTO contacts (email, name) VALUES ('a', 'b') ON CONFLICT (email) DO UPDATE SET name = excluded.name WHERE contacts.name != excluded.name`,
      'insert',
      'contacts',
      ['email', 'name'],
    ],
    [
      'UPDATE salesforce.contacts SET name=$1::VARCHAR, updated_at=now() WHERE salesforce.contacts.id = $2::VARCHAR',
      'update',
      contacts,
      ['name', 'updated_at'],
    ],
    [
      `UPDATE contacts SET name='x' FROM accounts WHERE contacts.account_id = accounts.id AND accounts.name = 'y' RETURNING contacts.id`,
      'update',
      'contacts',
      ['name'],
    ],
    [
      'DELETE FROM salesforce.contacts WHERE salesforce.contacts.id = $1::VARCHAR',
      'delete',
      contacts,
      null,
    ],
    [
      'DELETE FROM contacts USING accounts WHERE contacts.account_id = accounts.id',
      'delete',
      'contacts',
      null,
    ],
    [
      'WITH old AS (SELECT contacts.id AS id FROM contacts WHERE contacts.name = $1) DELETE FROM contacts WHERE contacts.id IN (SELECT old.id FROM old)',
      'delete',
      'contacts',
      null,
    ],
  ],
  activerecord: [
    [
      'INSERT INTO "contacts" ("email", "name", "created_at", "updated_at") VALUES ($1, $2, $3, $4) RETURNING "id" /*application:Crm,controller:contacts,action:create*/',
      'insert',
      'contacts',
      ['email', 'name', 'created_at', 'updated_at'],
    ],
    [
      `INSERT INTO "contacts" ("email","name") VALUES ('a', 'b'), ('c', 'd') ON CONFLICT ("email") DO UPDATE SET updated_at=(CASE WHEN ("contacts"."name" IS NOT DISTINCT FROM excluded."name") THEN "contacts".updated_at ELSE CURRENT_TIMESTAMP END),"name"=excluded."name" RETURNING "id"`,
      'insert',
      'contacts',
      ['email', 'name'],
    ],
    ['INSERT INTO "contacts" DEFAULT VALUES RETURNING "id"', 'insert', 'contacts', null],
    [
      'UPDATE "contacts" SET "name" = $1, "updated_at" = $2 WHERE "contacts"."id" = $3',
      'update',
      'contacts',
      ['name', 'updated_at'],
    ],
    [
      `UPDATE "contacts" SET "score" = COALESCE("contacts"."score", 0) + 1, "name" = 'x' WHERE "contacts"."id" IN (SELECT "contacts"."id" FROM "contacts" ORDER BY "contacts"."id" ASC LIMIT 1)`,
      'update',
      'contacts',
      ['score', 'name'],
    ],
    ['DELETE FROM "contacts" WHERE "contacts"."id" = $1', 'delete', 'contacts', null],
    ['DELETE FROM "salesforce"."contacts"', 'delete', contacts, null],
  ],
  hibernate: [
    [
      'insert into salesforce.contacts (email,name,version,id) values (?,?,?,?)'.replaceAll(
        '?',
        '$1',
      ),
      'insert',
      contacts,
      ['email', 'name', 'version', 'id'],
    ],
    [
      'insert into contacts (email, name, id) values ($1, $2, default)\nRETURNING *',
      'insert',
      'contacts',
      ['email', 'name', 'id'],
    ],
    [
      'update salesforce.contacts set email=$1,name=$2,version=$3 where id=$4 and version=$5',
      'update',
      contacts,
      ['email', 'name', 'version'],
    ],
    [
      '/* update Contact c set c.name = :n */ update contacts c1_0 set name=$1 where c1_0.id=$2',
      'update',
      'contacts',
      ['name'],
    ],
    ['delete from salesforce.contacts where id=$1 and version=$2', 'delete', contacts, null],
    ["delete from contacts c1_0 where c1_0.name like $1 escape ''", 'delete', 'contacts', null],
    [
      'merge into contacts as t using (select cast($1 as text) id, cast($2 as text) name) as s on (t.id=s.id) when not matched then insert (id, name) values (s.id, s.name) when matched then update set name=s.name',
      'merge',
      'contacts',
      null,
    ],
  ],
  knex: [
    [
      'insert into "salesforce"."contacts" ("email", "name") values ($1, $2) returning *',
      'insert',
      contacts,
      ['email', 'name'],
    ],
    [
      'insert into "contacts" ("email", "name") values ($1, DEFAULT), ($2, $3) on conflict ("email") do update set "email" = excluded."email", "name" = excluded."name"',
      'insert',
      'contacts',
      ['email', 'name'],
    ],
    [
      'update "salesforce"."contacts" set "name" = $1 where "id" = $2 returning "id"',
      'update',
      contacts,
      ['name'],
    ],
    [
      'update "contacts" set "data" = jsonb_set("data", $1, to_jsonb($2)), "score" = "score" + $3 where "id" in ($4)',
      'update',
      'contacts',
      ['data', 'score'],
    ],
    ['delete from "contacts" where "id" = $1', 'delete', 'contacts', null],
    ['truncate "contacts" restart identity', 'truncate', 'contacts', null],
    [
      'with "moved" as (delete from "contacts" where "id" = $1 returning *) insert into "archive" select * from "moved"',
      'insert',
      'archive',
      null,
    ],
  ],
  drizzle: [
    [
      'insert into "salesforce"."contacts" ("id", "email", "name") values (default, $1, $2) returning "id", "email", "name"',
      'insert',
      contacts,
      ['id', 'email', 'name'],
    ],
    [
      'insert into "contacts" ("id", "email") values (default, $1), (default, $2) on conflict do nothing',
      'insert',
      'contacts',
      ['id', 'email'],
    ],
    [
      'update "salesforce"."contacts" set "name" = $1 where "contacts"."id" = $2 returning "id"',
      'update',
      contacts,
      ['name'],
    ],
    [
      'update "contacts" set "name" = "accounts"."name" from "accounts" where "contacts"."account_id" = "accounts"."id"',
      'update',
      'contacts',
      ['name'],
    ],
    [
      'delete from "contacts" where ("contacts"."id" = $1 and "contacts"."name" <> $2) returning "id"',
      'delete',
      'contacts',
      null,
    ],
  ],
  kysely: [
    [
      'insert into "salesforce"."contacts" ("email", "name") values ($1, $2) returning "id"',
      'insert',
      contacts,
      ['email', 'name'],
    ],
    [
      'insert into "contacts" ("email", "name") select "email", "name" from "leads" where "id" = $1',
      'insert',
      'contacts',
      ['email', 'name'],
    ],
    [
      'update "contacts" as "c" set "name" = $1, "score" = $2 where "c"."id" = $3',
      'update',
      'contacts',
      ['name', 'score'],
    ],
    [
      'with "c" as (select "id" from "contacts" where "name" = $1 for update skip locked) update "contacts" set "name" = $2 from "c" where "contacts"."id" = "c"."id" returning "contacts"."id"',
      'update',
      'contacts',
      ['name'],
    ],
    ['delete from "salesforce"."contacts" where "id" = any($1)', 'delete', contacts, null],
  ],
  drivers: [
    [
      'INSERT INTO "salesforce"."contacts"("email","name")values($1,$2),($3,$4)',
      'insert',
      contacts,
      ['email', 'name'],
    ],
    [
      '\n    insert into contacts ("email","name")values($1,$2)\n\n    returning *\n  ',
      'insert',
      'contacts',
      ['email', 'name'],
    ],
    ['COPY salesforce.contacts (email, name) FROM STDIN', 'copy_from', contacts, ['email', 'name']],
    [
      `COPY "contacts" ("email") FROM STDIN WITH (FORMAT csv, HEADER true, DELIMITER ',')`,
      'copy_from',
      'contacts',
      ['email'],
    ],
    [
      'PREPARE "sqlx_s_1" AS UPDATE contacts SET name = $1 WHERE id = $2',
      'prepare',
      'contacts',
      ['name'],
    ],
    [
      'UPDATE salesforce.contacts SET (email, name) = ROW ($1, $2) WHERE id = $3',
      'update',
      contacts,
      ['email', 'name'],
    ],
  ],
}
