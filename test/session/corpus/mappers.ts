// Statements in the shape in which mappers and drivers write them that could not be run here, by their manuals and logs.

import type { CorpusCase } from './corpus.ts'

const one = '003000000000000001'
const two = '003000000000000002'
const three = '003000000000000003'

export const mappers: Readonly<Record<string, readonly CorpusCase[]>> = {
  prisma: [
    [
      `INSERT INTO "salesforce"."contacts" ("email","last_name") VALUES ($1,$2) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."email"`,
      ['p1@x.co', 'P1'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("first_name","last_name","score","tags","seen") VALUES ($1,$2,$3,$4,$5) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."name"`,
      [null, 'P2', '1.25', '{q,"r s"}', '2024-02-03 04:05:06 UTC'],
    ],
    [`INSERT INTO "salesforce"."contacts" ("last_name") VALUES ($1), ($2), ($3)`, ['a', 'b', 'c']],
    [
      `INSERT INTO "salesforce"."contacts" ("email","last_name") VALUES ($1,$2) ON CONFLICT DO NOTHING`,
      ['paul@dune.co', 'x'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name") VALUES ($1), (DEFAULT) ON CONFLICT DO NOTHING RETURNING "id"`,
      ['c'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("email","last_name") VALUES ($1,$2) ON CONFLICT ("email") DO UPDATE SET "last_name" = $3 WHERE ("salesforce"."contacts"."email" = $4 AND 1=1) RETURNING "salesforce"."contacts"."id"`,
      ['paul@dune.co', 'x', 'y', 'paul@dune.co'],
      'upsert',
    ],
    [`INSERT INTO "salesforce"."contacts" DEFAULT VALUES RETURNING "salesforce"."contacts"."id"`],
    [
      `UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE ("salesforce"."contacts"."id" = $2 AND 1=1) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."name"`,
      ['P', one],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "score" = ("salesforce"."contacts"."score" + $1), "tags" = array_append("salesforce"."contacts"."tags", $2) WHERE "salesforce"."contacts"."id" IN ($3,$4) /* traceparent=00-0000-0000-00 */`,
      ['2', 'new', one, two],
    ],
    [`UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE 1=1`, ['all']],
    [
      `UPDATE "salesforce"."contacts" SET "email" = $1 WHERE ("salesforce"."contacts"."last_name"::text LIKE $2 AND "salesforce"."contacts"."score" IS NULL)`,
      [null, 'K%'],
    ],
    [
      `DELETE FROM "salesforce"."contacts" WHERE ("salesforce"."contacts"."id" = $1 AND 1=1) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."email"`,
      [three],
    ],
    [
      `DELETE FROM "salesforce"."contacts" WHERE ("salesforce"."contacts"."id" IN ($1,$2) OR "salesforce"."contacts"."score" > $3)`,
      [one, two, '30'],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE 1=1`],
  ],
  hibernate: [
    [
      `insert into salesforce.contacts (email,first_name,last_name,score,id) values ($1,$2,$3,$4,default) returning id`,
      ['h@x.co', null, 'H1', '3'],
    ],
    [
      `insert into salesforce.contacts (email,last_name) values ($1,$2) RETURNING *`,
      ['h2@x.co', 'H2'],
    ],
    [
      `insert into salesforce.contacts (last_name, id) values ($1, $2)`,
      ['H3', 'H3'],
      'readOnly',
    ],
    [
      `update salesforce.contacts set email=$1,first_name=$2,last_name=$3,score=$4 where id=$5`,
      ['h4@x.co', 'F', 'L', null, one],
    ],
    [
      `update salesforce.contacts set first_name=$1 where id=$2 and last_name=$3`,
      ['F', one, 'Atreides'],
    ],
    [
      `update salesforce.contacts c1_0 set first_name=upper(c1_0.first_name) where c1_0.score>$1`,
      ['5'],
    ],
    [
      `/* update com.acme.Contact */ update salesforce.contacts set score=(score+cast($1 as numeric(38,2))) where last_name=$2`,
      ['1', 'Idaho'],
    ],
    [`delete from salesforce.contacts where id=$1`, [two]],
    [`delete from salesforce.contacts where id=$1 and last_name=$2`, [two, 'Atreides']],
    [
      `delete from salesforce.contacts c1_0 where c1_0.id in (select n1_0.contact_id from local_notes n1_0 where n1_0.body=$1)`,
      ['first'],
    ],
    [
      `delete from salesforce.contacts to_delete_ where exists(select 1 from local_notes n where n.contact_id=to_delete_.id)`,
    ],
    [
      `with made as (insert into salesforce.contacts (last_name) values ($1) returning id) select count(*) from made`,
      ['H9'],
    ],
  ],
  jooq: [
    [
      `insert into "salesforce"."contacts" ("last_name", "email") values ($1, $2) returning "salesforce"."contacts"."id"`,
      ['J', 'jq@x.co'],
    ],
    [
      `insert into "salesforce"."contacts" ("last_name", "score") values (cast($1 as text), cast($2 as numeric)), (cast($3 as text), cast($4 as numeric))`,
      ['J1', '1', 'J2', null],
    ],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict do nothing`,
      ['leto@dune.co', 'x'],
    ],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict ("email") do update set "last_name" = "excluded"."last_name" returning "salesforce"."contacts"."id"`,
      ['leto@dune.co', 'x'],
    ],
    [
      `insert into "salesforce"."contacts" ("last_name") select "public"."local_notes"."body" from "public"."local_notes" where "public"."local_notes"."contact_id" = $1`,
      [one],
    ],
    [`insert into "salesforce"."contacts" default values returning "salesforce"."contacts"."id"`],
    [
      `update "salesforce"."contacts" set "last_name" = $1, "score" = ("salesforce"."contacts"."score" + $2) where "salesforce"."contacts"."id" = $3`,
      ['J', '1', one],
    ],
    [
      `update "salesforce"."contacts" set ("first_name", "last_name") = ($1, $2) where "salesforce"."contacts"."id" = $3 returning "salesforce"."contacts"."name"`,
      ['F', 'L', two],
    ],
    [
      `update "salesforce"."contacts" set ("first_name", "last_name") = (select "n"."body", "n"."contact_id" from "public"."local_notes" as "n" where "n"."contact_id" = "salesforce"."contacts"."id") where "salesforce"."contacts"."id" = $1`,
      [three],
    ],
    [
      `delete from "salesforce"."contacts" where ("salesforce"."contacts"."id" = $1 or "salesforce"."contacts"."id" in ($2, $3))`,
      [one, two, 'none'],
    ],
    [
      `delete from "salesforce"."contacts" using "public"."local_notes" where "salesforce"."contacts"."id" = "public"."local_notes"."contact_id" returning "salesforce"."contacts"."id"`,
    ],
    [
      `with "q" as (select "public"."local_notes"."contact_id" from "public"."local_notes") update "salesforce"."contacts" set "first_name" = $1 from "q" where "q"."contact_id" = "salesforce"."contacts"."id"`,
      ['cte'],
    ],
    [
      `merge into "salesforce"."contacts" using (select $1 "e") "s" on "salesforce"."contacts"."email" = "s"."e" when matched then delete`,
      ['leto@dune.co'],
      'merge',
    ],
  ],
  ecto: [
    [
      `INSERT INTO "salesforce"."contacts" ("email","last_name","score") VALUES ($1,$2,$3) RETURNING "id"`,
      ['e1@x.co', 'E1', '4'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" AS c0 ("last_name","email") VALUES ($1,$2),($3,$4) ON CONFLICT DO NOTHING RETURNING "id"`,
      ['E2', 'e2@x.co', 'E3', 'paul@dune.co'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" AS c0 ("last_name","email") VALUES ($1,$2) ON CONFLICT ("email") DO UPDATE SET "last_name" = EXCLUDED."last_name" RETURNING "id"`,
      ['E4', 'paul@dune.co'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name") (SELECT l0."body" FROM "local_notes" AS l0)`,
    ],
    [`UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE "id" = $2`, ['E', one]],
    [
      `UPDATE "salesforce"."contacts" AS c0 SET "first_name" = $1, "score" = c0."score" + $2 WHERE (c0."last_name" = $3)`,
      ['E', '5', 'Atreides'],
    ],
    [
      `UPDATE "salesforce"."contacts" AS c0 SET "last_name" = l1."body" FROM "local_notes" AS l1 WHERE (l1."contact_id" = c0."id") RETURNING c0."id", c0."last_name"`,
    ],
    [
      `UPDATE "salesforce"."contacts" AS c0 SET "tags" = array_append(c0."tags", $1) WHERE (c0."id" = ANY($2))`,
      ['pushed', `{${one},${two}}`],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE "id" = $1`, [one]],
    [
      `DELETE FROM "salesforce"."contacts" AS c0 WHERE (c0."score" > $1) RETURNING c0."id"`,
      ['15'],
    ],
    [
      `DELETE FROM "salesforce"."contacts" AS c0 USING "local_notes" AS l1 WHERE (l1."contact_id" = c0."id")`,
    ],
    [
      `WITH "old" AS (SELECT sc0."id" AS "id" FROM "salesforce"."contacts" AS sc0 WHERE (sc0."score" IS NULL)) DELETE FROM "salesforce"."contacts" AS c0 USING "old" AS o1 WHERE (o1."id" = c0."id")`,
    ],
  ],
  gorm: [
    [
      `INSERT INTO "salesforce"."contacts" ("first_name","last_name","email","score") VALUES ($1,$2,$3,$4) RETURNING "id"`,
      ['G', 'G1', null, '0'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name","email") VALUES ($1,$2),($3,$4) RETURNING "id","name"`,
      ['G2', 'g2@x.co', 'G3', 'g3@x.co'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name","email") VALUES ($1,$2) ON CONFLICT DO NOTHING RETURNING "id"`,
      ['G4', 'chani@dune.co'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name","email") VALUES ($1,$2) ON CONFLICT ("email") DO UPDATE SET "last_name"="excluded"."last_name" RETURNING "id"`,
      ['G5', 'chani@dune.co'],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "first_name"=$1,"last_name"=$2,"email"=$3 WHERE "id" = $4`,
      ['G', 'G6', 'g6@x.co', one],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "first_name"=$1 WHERE "contacts"."id" = $2 AND "contacts"."score" IS NOT NULL`,
      ['G', one],
    ],
    [`UPDATE "salesforce"."contacts" SET "score"=score + $1 WHERE id IN ($2,$3)`, ['1', one, two]],
    [
      `UPDATE "salesforce"."contacts" SET "last_name"=$1 WHERE last_name = $2 RETURNING *`,
      ['G', 'Idaho'],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE "contacts"."id" = $1`, [one]],
    [`DELETE FROM "salesforce"."contacts" WHERE email LIKE $1 RETURNING "id"`, ['%dune%']],
    [`DELETE FROM "salesforce"."contacts" WHERE ("id") IN (($1),($2))`, [one, two]],
  ],
  dapper: [
    [
      `INSERT INTO salesforce.contacts (last_name, email) VALUES ($1, $2) RETURNING id;`,
      ['Da', 'da@x.co'],
    ],
    [
      `update salesforce.contacts set "first_name" = $1, "last_name" = $2 where "id" = $3`,
      ['D', 'D', one],
    ],
    [`delete from salesforce.contacts where "id" = $1`, [two]],
    [`DELETE FROM salesforce.contacts WHERE id = ANY($1)`, [`{${one},${two}}`]],
    [
      `insert into salesforce.contacts ("last_name", "score") values ($1, $2) RETURNING "id"`,
      ['Da2', '9.99'],
    ],
  ],
  entityFramework: [
    [
      `INSERT INTO salesforce.contacts (email, first_name, last_name)\r\nVALUES ($1, $2, $3)\r\nRETURNING id, name;`,
      ['ef@x.co', null, 'EF'],
    ],
    [
      `UPDATE salesforce.contacts SET first_name = $1\r\nWHERE id = $2;`,
      ['EF', one],
    ],
    [
      `UPDATE salesforce.contacts SET first_name = $1, last_name = $2\r\nWHERE id = $3\r\nRETURNING name;`,
      ['EF', 'EF', one],
    ],
    [`DELETE FROM salesforce.contacts\r\nWHERE id = $1;`, [three]],
    [
      `DELETE FROM salesforce.contacts AS c\r\nWHERE c.score > $1`,
      ['15'],
    ],
    [
      `UPDATE salesforce.contacts AS c\r\nSET first_name = upper(c.first_name),\r\n    score = c.score + 1.0\r\nWHERE c.last_name = 'Atreides'`,
    ],
    [
      `UPDATE salesforce.contacts AS c\r\nSET last_name = l.body\r\nFROM local_notes AS l\r\nWHERE l.contact_id = c.id`,
    ],
  ],
  diesel: [
    [
      `INSERT INTO "salesforce"."contacts" ("last_name", "email") VALUES ($1, $2) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."name" -- binds: ["x"]`,
      ['Di', 'di@x.co'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name", "email") VALUES ($1, $2), ($3, DEFAULT)`,
      ['Di1', 'di1@x.co', 'Di2'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("email") VALUES ($1) ON CONFLICT DO NOTHING`,
      ['x@y.z'],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE ("salesforce"."contacts"."id" = $2)`,
      ['Di', one],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "score" = ("salesforce"."contacts"."score" + $1) WHERE (("salesforce"."contacts"."score" > $2) AND ("salesforce"."contacts"."email" IS NOT NULL))`,
      ['1', '15'],
    ],
    [
      `DELETE  FROM "salesforce"."contacts" WHERE ("salesforce"."contacts"."id" = $1)`,
      [one],
    ],
    [
      `DELETE  FROM "salesforce"."contacts" WHERE ("salesforce"."contacts"."email" = ANY($1))`,
      ['{paul@dune.co,leto@dune.co}'],
    ],
  ],
  sqlx: [
    [
      `INSERT INTO salesforce.contacts (last_name, email)\n            SELECT * FROM UNNEST($1::text[], $2::text[])`,
      ['{U1,U2,U3}', '{u1@x.co,u2@x.co,NULL}'],
    ],
    [
      `\n        INSERT INTO salesforce.contacts ( last_name )\n        VALUES ( $1 )\n        RETURNING id\n        `,
      ['Sx'],
    ],
    [
      `UPDATE salesforce.contacts SET first_name = u.f FROM (SELECT unnest($1::text[]) AS i, unnest($2::text[]) AS f) AS u WHERE id = u.i`,
      [`{${one},${two}}`, '{First,Second}'],
    ],
    [
      `UPDATE salesforce.contacts SET first_name = COALESCE($1, first_name), last_name = COALESCE($2, last_name) WHERE id = $3 RETURNING id, name`,
      [null, 'Sx', one],
    ],
    [`DELETE FROM salesforce.contacts WHERE id = ANY($1::text[])`, [`{${three}}`]],
  ],
  seaOrm: [
    [
      `INSERT INTO "salesforce"."contacts" ("last_name", "email") VALUES ($1, $2) RETURNING "id", "first_name", "last_name"`,
      ['Se', 'se@x.co'],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "last_name" = $1 WHERE "contacts"."id" = $2 RETURNING "id", "name"`,
      ['Se', one],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE "contacts"."id" = $1`, [one]],
    [
      `DELETE FROM "salesforce"."contacts" WHERE "contacts"."last_name" LIKE $1`,
      ['%Atr%'],
    ],
  ],
  doctrine: [
    [
      `INSERT INTO salesforce.contacts (last_name, email, score) VALUES ($1, $2, $3)`,
      ['Do', null, '1'],
    ],
    [
      `UPDATE salesforce.contacts SET first_name = $1, last_name = $2 WHERE id = $3`,
      ['Do', 'Do', one],
    ],
    [`UPDATE salesforce.contacts SET score = score + $1 WHERE last_name IN ($2)`, ['1', 'Idaho']],
    [`DELETE FROM salesforce.contacts WHERE id = $1`, [one]],
  ],
  eloquent: [
    [
      `insert into "salesforce"."contacts" ("last_name", "email") values ($1, $2) returning "id"`,
      ['El', 'el@x.co'],
    ],
    [
      `insert into "salesforce"."contacts" ("last_name", "email") values ($1, $2), ($3, $4) on conflict do nothing`,
      ['El1', 'el1@x.co', 'El2', 'leto@dune.co'],
    ],
    [
      `insert into "salesforce"."contacts" ("last_name", "email") values ($1, $2) on conflict ("email") do update set "last_name" = "excluded"."last_name"`,
      ['El3', 'leto@dune.co'],
    ],
    [
      `insert into "salesforce"."contacts" ("last_name") select "body" from "local_notes" where "contact_id" = $1`,
      [one],
    ],
    [`update "salesforce"."contacts" set "first_name" = $1 where "id" = $2`, ['El', one]],
    [`update "salesforce"."contacts" set "score" = "score" + 1 where "score" is not null`],
    [
      `update "salesforce"."contacts" set "first_name" = $1 where "ctid" in (select "salesforce"."contacts"."ctid" from "salesforce"."contacts" inner join "local_notes" on "local_notes"."contact_id" = "salesforce"."contacts"."id")`,
      ['joined'],
    ],
    [`delete from "salesforce"."contacts" where "id" = $1`, [one]],
    [
      `delete from "salesforce"."contacts" where "ctid" in (select "salesforce"."contacts"."ctid" from "salesforce"."contacts" where "last_name" = $1 order by "id" asc limit 1)`,
      ['Atreides'],
    ],
    [`truncate "salesforce"."contacts" restart identity cascade`, [], 'truncate'],
  ],
  exposed: [
    [
      `INSERT INTO salesforce.contacts (last_name, email) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
      ['Ex', 'paul@dune.co'],
    ],
    [
      `UPDATE salesforce.contacts SET first_name=$1, score=(salesforce.contacts.score + $2) WHERE salesforce.contacts.id = $3`,
      ['Ex', '1', one],
    ],
    [`DELETE FROM salesforce.contacts WHERE salesforce.contacts.score > $1`, ['15']],
    [
      `WITH contacts_alias AS (SELECT 1) DELETE FROM salesforce.contacts WHERE salesforce.contacts.id IN ($1)`,
      [one],
    ],
  ],
  mikroOrm: [
    [
      `insert into "salesforce"."contacts" ("last_name", "email") values ($1, $2) returning "id", "name"`,
      ['Mi', 'mi@x.co'],
    ],
    [
      `update "salesforce"."contacts" set "first_name" = case when ("id" = $1) then $2 when ("id" = $3) then $4 else "first_name" end where "id" in ($1, $3)`,
      [one, 'A', two, 'B'],
    ],
    [`delete from "salesforce"."contacts" where "id" in ($1, $2)`, [one, two]],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict ("email") do update set "last_name" = excluded."last_name" returning "id"`,
      ['paul@dune.co', 'm'],
    ],
  ],
  drivers: [
    [`INSERT INTO "salesforce"."contacts"("last_name","email")VALUES($1,$2)`, ['pg', null]],
    [
      `insert into "salesforce"."contacts"("last_name","email")values($1,$2),($3,$4)`,
      ['postgres', 'a@b.c', 'js', null],
    ],
    [`update salesforce.contacts set "first_name"=$1,"last_name"=$2 where id = $3`, [
      'a',
      'b',
      one,
    ]],
    [
      `INSERT INTO salesforce.contacts (last_name, seen) VALUES ($1::text, $2::timestamptz) RETURNING id::text`,
      ['asyncpg', '2024-01-01 00:00:00+02'],
    ],
    [
      `INSERT INTO salesforce.contacts (last_name) SELECT x.last_name FROM json_to_recordset($1::json) AS x(last_name text)`,
      ['[{"last_name":"r1"},{"last_name":"r2"}]'],
    ],
    [
      `UPDATE salesforce.contacts AS t SET first_name = v.first_name FROM (VALUES ('${one}', 'V1'), ('${two}', 'V2')) AS v(id, first_name) WHERE t.id = v.id`,
    ],
    [
      `insert into salesforce.contacts select * from json_populate_record(null::salesforce.contacts, $1)`,
      ['{"last_name":"jp"}'],
    ],
    [
      `insert into salesforce.contacts (first_name, last_name) select first_name, last_name from jsonb_populate_recordset(null::salesforce.contacts, $1)`,
      ['[{"last_name":"jp1"},{"first_name":"jp2"}]'],
    ],
    [
      `select * from salesforce.contacts where id = $1 for update`,
      [one],
    ],
  ],
}
