// Statements as they were taken off the wire from live clients that wrote to a table like salesforce.contacts.

import type { CorpusCase } from './corpus.ts'

export const captured: Readonly<Record<string, readonly CorpusCase[]>> = {
  knex: [
    [`insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2)`, [
      'k1@x.co',
      'K1',
    ]],
    [
      `insert into "salesforce"."contacts" ("first_name", "last_name", "score", "tags") values ($1, $2, $3, $4) returning "id"`,
      [null, 'K2', '1.5', '{"x","y"}'],
    ],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values (DEFAULT, $1), ($2, $3) returning "id", "name"`,
      ['K3', 'k4@x.co', 'K4'],
    ],
    [`insert into "salesforce"."contacts" ("last_name", "seen") values ($1, $2) returning *`, [
      'K5',
      '2024-02-03T04:05:06.000+00:00',
    ]],
    [`insert into "salesforce"."contacts" ("last_name", "score") values (upper($1), 1 + 1)`, [
      'k6',
    ]],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict ("email") do nothing`,
      ['paul@dune.co', 'x'],
    ],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict ("email") do update set "email" = excluded."email", "last_name" = excluded."last_name"`,
      ['paul@dune.co', 'x'],
    ],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict do nothing returning "id"`,
      ['nobody@dune.co', 'x'],
    ],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict ("email") do update set "last_name" = excluded."last_name" where "salesforce"."contacts"."score" > $3`,
      ['paul@dune.co', 'x', '5'],
      'upsert',
    ],
    [`insert into "salesforce"."contacts" ("last_name", "email") select "body", null from "local_notes"`],
    [`update "salesforce"."contacts" set "first_name" = $1 where "id" = $2`, [
      'P',
      '003000000000000001',
    ]],
    [
      `update "salesforce"."contacts" set "score" = score + 1 where "email" like $1 returning "id", "score"`,
      ['%dune%'],
    ],
    [`update "salesforce"."contacts" set "last_name" = $1, "tags" = $2 where "id" in ($3, $4)`, [
      'A',
      null,
      '003000000000000001',
      '003000000000000002',
    ]],
    [`update "salesforce"."contacts" set "first_name" = $1 where "id" = $2 returning "id"`, [
      'Ch',
      '003000000000000003',
    ]],
    [`update "salesforce"."contacts" set "score" = "score" + $1 where "id" = $2`, [
      '2',
      '003000000000000002',
    ]],
    [`update "salesforce"."contacts" set "score" = "score" - $1 where "id" = $2`, [
      '1',
      '003000000000000002',
    ]],
    [
      `update "salesforce"."contacts" set "first_name" = $1 from "local_notes" where local_notes.contact_id = salesforce.contacts.id`,
      ['F'],
    ],
    [
      `update "salesforce"."contacts" set "first_name" = $1 where exists (select 1 from "local_notes" where contact_id = contacts.id)`,
      ['E'],
    ],
    [`delete from "salesforce"."contacts" where "id" = $1`, ['003000000000000004']],
    [`delete from "salesforce"."contacts" where "score" is null returning "last_name"`],
    [
      `delete from "salesforce"."contacts" where "score" between $1 and $2 returning "id", "email"`,
      ['5', '15'],
    ],
    [`delete from "salesforce"."contacts" using "local_notes" where "salesforce"."contacts"."id" = "local_notes"."contact_id"`],
    [`with "n" as (select "contact_id" from "local_notes") delete from "salesforce"."contacts" where "id" in (select "contact_id" from "n")`],
    [`with "gone" as (delete from local_notes returning body) insert into salesforce.contacts (last_name) select "body" from "gone"`],
    [`update "salesforce"."contacts" as "c" set "first_name" = $1 where "c"."id" = $2`, [
      'Alias',
      '003000000000000001',
    ]],
    [`truncate "salesforce"."contacts" restart identity`, [], 'truncate'],
    [`insert into salesforce.contacts (last_name) values ($1) returning id`, ['raw']],
    [`insert into "salesforce"."contacts" ("last_name") values ($1)`, ['T']],
  ],
  kysely: [
    [`insert into "salesforce"."contacts" ("last_name", "email") values ($1, $2)`, [
      'Y1',
      'y1@x.co',
    ]],
    [`insert into "salesforce"."contacts" ("last_name") values ($1), ($2) returning "id", "name"`, [
      'Y2',
      'Y3',
    ]],
    [
      `insert into "salesforce"."contacts" ("last_name", "score", "tags") values ($1, $2::numeric * 2, array[$3, $4]::text[]) returning *`,
      ['Y4', '2', 'a', 'b'],
    ],
    [`insert into "salesforce"."contacts" ("last_name", "email") select "n"."body", null::text as "e" from public.local_notes as "n"`],
    [`insert into "salesforce"."contacts" default values`],
    [
      `insert into "salesforce"."contacts" ("email", "last_name") values ($1, $2) on conflict ("email") do update set "last_name" = "excluded"."last_name"`,
      ['paul@dune.co', 'q'],
    ],
    [`insert ignore into "salesforce"."contacts" ("last_name") values ($1)`, ['ig']],
    [
      `update "salesforce"."contacts" set "score" = "score" + $1, "last_name" = upper("last_name") where "score" is not null returning "id", "score"`,
      ['1'],
    ],
    [`update "salesforce"."contacts" as "c" set "first_name" = $1 where "c"."email" in ($2, $3)`, [
      'al',
      'paul@dune.co',
      'leto@dune.co',
    ]],
    [`update "salesforce"."contacts" set "last_name" = "n"."body" from "local_notes" as "n" where "n"."contact_id" = "salesforce"."contacts"."id"`],
    [`update "salesforce"."contacts" set "email" = $1 where ("id" = $2 or "score" > $3)`, [
      null,
      '003000000000000003',
      '30',
    ]],
    [`delete from "salesforce"."contacts" where "score" is null returning "email"`],
    [`delete from "salesforce"."contacts" using "local_notes" as "n" where "n"."contact_id" = "salesforce"."contacts"."id" returning "salesforce"."contacts"."id"`],
    [`delete from "salesforce"."contacts" where "id" in (select "contact_id" from "salesforce"."local_notes")`],
    [
      `with "made" as (insert into "salesforce"."contacts" ("last_name") values ($1) returning "id") insert into "local_notes" ("contact_id") select "id" from "made"`,
      ['in cte'],
    ],
    [
      `merge into "salesforce"."contacts" as "t" using "local_notes" as "n" on "t"."id" = "n"."contact_id" when matched then delete`,
      [],
      'merge',
    ],
    [`update salesforce.contacts set first_name = $1 where id = $2`, ['raw', '003000000000000002']],
  ],
  drizzle: [
    [
      `insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, $1, default, default, default, default)`,
      ['D1'],
    ],
    [
      `insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, $1, $2, $3, $4, $5) returning "id", "first_name", "last_name", "email", "score", "tags", "seen"`,
      ['D2', 'd2@x.co', '1.50', '{"q","r s"}', '2024-02-03T04:05:06.000Z'],
    ],
    [
      `insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, $1, default, default, default, default), (default, default, $2, $3, default, default, default), (default, $4, default, default, default, default, default) returning "id"`,
      ['D3', 'D4', 'd4@x.co', 'D5'],
    ],
    [
      `insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, $1, $2, default, default, default) on conflict do nothing`,
      ['x', 'paul@dune.co'],
    ],
    [
      `insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, $1, $2, default, default, default) on conflict ("email") do nothing`,
      ['x', 'paul@dune.co'],
    ],
    [
      `insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, $1, $2, default, default, default) on conflict ("email") do update set "last_name" = excluded.last_name`,
      ['x', 'paul@dune.co'],
    ],
    [
      `insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, upper($1), default, default, default, default)`,
      ['d6'],
    ],
    [
      `update "salesforce"."contacts" set "first_name" = $1 where "salesforce"."contacts"."id" = $2`,
      ['P', '003000000000000001'],
    ],
    [
      `update "salesforce"."contacts" set "score" = "salesforce"."contacts"."score" + 1 where "salesforce"."contacts"."score" > $1 returning "id", "score"`,
      ['5'],
    ],
    [`update "salesforce"."contacts" set "last_name" = "local_notes"."body" from "local_notes" where "local_notes"."contact_id" = "salesforce"."contacts"."id"`],
    [
      `update "salesforce"."contacts" set "tags" = $1, "seen" = $2 where "salesforce"."contacts"."id" in ($3, $4)`,
      ['{}', null, '003000000000000001', '003000000000000004'],
    ],
    [
      `update "salesforce"."contacts" set "first_name" = $1 where "salesforce"."contacts"."id" = $2 returning "id", "first_name", "last_name", "email", "score", "tags", "seen"`,
      ['none', 'none'],
    ],
    [`update "salesforce"."contacts" set "first_name" = $1`, ['all']],
    [`delete from "salesforce"."contacts" where "salesforce"."contacts"."id" = $1`, [
      '003000000000000004',
    ]],
    [
      `delete from "salesforce"."contacts" where ("salesforce"."contacts"."score" is null and "salesforce"."contacts"."email" like $1) returning "id", "first_name", "last_name", "email", "score", "tags", "seen"`,
      ['chani%'],
    ],
    [`delete from "salesforce"."contacts" where exists (select "contact_id", "body" from "local_notes" where "local_notes"."contact_id" = "salesforce"."contacts"."id")`],
    [
      `delete from "salesforce"."contacts" where ("salesforce"."contacts"."last_name" = $1 or "salesforce"."contacts"."last_name" = $2) returning "email"`,
      ['Idaho', 'Kynes'],
    ],
    [`with "q" as (select "contact_id" from "local_notes") delete from "salesforce"."contacts" where "salesforce"."contacts"."id" in (select contact_id from q)`],
    [
      `with "q" as (insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") values (default, default, $1, default, default, default, default) returning "id", "first_name", "last_name", "email", "score", "tags", "seen") select "id", "first_name", "last_name", "email", "score", "tags", "seen" from "q"`,
      ['cte'],
    ],
    [`insert into "salesforce"."contacts" ("id", "first_name", "last_name", "email", "score", "tags", "seen") select null, body, body, null, null::numeric, null::text[], null::timestamptz from local_notes`],
    [`delete from salesforce.contacts where id = $1`, ['003000000000000002']],
  ],
  sequelize: [
    [
      `INSERT INTO "salesforce"."contacts" ("id","last_name") VALUES (DEFAULT,$1) RETURNING "id","first_name","last_name","email","score","tags","seen";`,
      ['S1'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("id","last_name","email","score","tags","seen") VALUES (DEFAULT,$1,$2,$3,$4,$5) RETURNING "id","first_name","last_name","email","score","tags","seen";`,
      ['S2', 's2@x.co', '2.25', '{"m","n"}', '2024-02-03 04:05:06.000 +00:00'],
    ],
    [`INSERT INTO "salesforce"."contacts" ("id","last_name") VALUES (DEFAULT,$1);`, ['S3']],
    [`INSERT INTO "salesforce"."contacts" ("id","last_name","first_name") VALUES (DEFAULT,'S5',NULL),(DEFAULT,'S6','O''Neil') RETURNING "id","first_name","last_name","email","score","tags","seen";`],
    [`INSERT INTO "salesforce"."contacts" ("id","last_name","email") VALUES (DEFAULT,'S7','paul@dune.co') ON CONFLICT DO NOTHING RETURNING "id","first_name","last_name","email","score","tags","seen";`],
    [
      `INSERT INTO "salesforce"."contacts" ("id","last_name","email") VALUES (DEFAULT,'S8','paul@dune.co') ON CONFLICT ("email") DO UPDATE SET "last_name"=EXCLUDED."last_name" RETURNING "id","first_name","last_name","email","score","tags","seen";`,
      [],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("id","last_name") VALUES ($1,$2) ON CONFLICT ("id") DO UPDATE SET "id"=EXCLUDED."id","last_name"=EXCLUDED."last_name" RETURNING "id","first_name","last_name","email","score","tags","seen";`,
      ['003000000000000001', 'S9'],
      'upsert',
    ],
    [
      `CREATE OR REPLACE FUNCTION pg_temp.testfunc(OUT response "salesforce"."contacts", OUT sequelize_caught_exception text) RETURNS RECORD AS $func_b94a0ca9cf1441df86df3ba5830ff2d2$ BEGIN INSERT INTO "salesforce"."contacts" ("id","last_name","email") VALUES (DEFAULT,'S10','focr@x.co') RETURNING * INTO response; EXCEPTION WHEN unique_violation THEN GET STACKED DIAGNOSTICS sequelize_caught_exception = PG_EXCEPTION_DETAIL; END $func_b94a0ca9cf1441df86df3ba5830ff2d2$ LANGUAGE plpgsql; SELECT (testfunc.response)."id", (testfunc.response)."first_name", (testfunc.response)."last_name", (testfunc.response)."email", (testfunc.response)."score", (testfunc.response)."tags", (testfunc.response)."seen", testfunc.sequelize_caught_exception FROM pg_temp.testfunc(); DROP FUNCTION IF EXISTS pg_temp.testfunc();`,
      [],
      'outside',
    ],
    [`UPDATE "salesforce"."contacts" SET "first_name"=$1 WHERE "id" = $2`, [
      'P',
      '003000000000000001',
    ]],
    [`UPDATE "salesforce"."contacts" SET "score"=score + 1 WHERE "score" > 5 RETURNING "id","first_name","last_name","email","score","tags","seen"`],
    [`UPDATE "salesforce"."contacts" SET "last_name"=upper("last_name") WHERE "email" IN ('leto@dune.co', 'duncan@dune.co')`],
    [`UPDATE "salesforce"."contacts" SET "tags"=$1 WHERE ("id" = $2 OR "score" IS NULL)`, [
      '{"z"}',
      '003000000000000002',
    ]],
    [`UPDATE "salesforce"."contacts" SET "first_name"=$1 WHERE "last_name" = $2`, [
      'lim',
      'Atreides',
    ]],
    [`UPDATE "salesforce"."contacts" SET "first_name"=$1,"score"=$2 WHERE "id" = $3`, [
      'L',
      null,
      '003000000000000002',
    ]],
    [`UPDATE "salesforce"."contacts" SET "score"="score"+ 3 WHERE "id" = '003000000000000003' RETURNING *`],
    [`UPDATE "salesforce"."contacts" SET "score"="score"+ 2 WHERE "last_name" = 'Idaho' RETURNING *`],
    [`DELETE FROM "salesforce"."contacts" WHERE "id" = '003000000000000004'`],
    [`DELETE FROM "salesforce"."contacts" WHERE "last_name" LIKE 'S%'`],
    [`DELETE FROM "salesforce"."contacts" WHERE "id" IN (SELECT "id" FROM "salesforce"."contacts" WHERE "last_name" = 'Atreides' LIMIT 1)`],
    [`DELETE FROM "salesforce"."contacts" WHERE "id" = '003000000000000003'`],
    [`TRUNCATE "salesforce"."contacts"`, [], 'truncate'],
    [`UPDATE salesforce.contacts SET first_name = $1 WHERE id = $2`, [
      'bound',
      '003000000000000002',
    ]],
    [`UPDATE salesforce.contacts SET first_name = 'it''s' WHERE id IN ('003000000000000002', '003000000000000001')`],
  ],
  typeorm: [
    [
      `INSERT INTO "salesforce"."contacts"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, DEFAULT, DEFAULT, DEFAULT, DEFAULT) RETURNING "id"`,
      ['O1'],
    ],
    [
      `INSERT INTO "salesforce"."contacts"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, $2, DEFAULT, DEFAULT, DEFAULT), (DEFAULT, $3, DEFAULT, $4, $5, DEFAULT) RETURNING "id"`,
      ['O2', 'o2@x.co', 'O3', '3.5', '{"a","b"}'],
    ],
    [
      `INSERT INTO "salesforce"."contacts"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, DEFAULT, DEFAULT, DEFAULT, $2) RETURNING "id"`,
      ['O4', '2024-02-03T04:05:06.000+00:00'],
    ],
    [
      `INSERT INTO "salesforce"."contacts"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, DEFAULT, DEFAULT, DEFAULT, DEFAULT), (DEFAULT, $2, DEFAULT, DEFAULT, DEFAULT, DEFAULT) RETURNING "id"`,
      ['O5', 'O6'],
    ],
    [`UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE "id" = $2`, [
      'P2',
      '003000000000000001',
    ]],
    [`UPDATE "salesforce"."contacts" SET "score" = "score" + 1 WHERE "last_name" = $1`, [
      'Atreides',
    ]],
    [`UPDATE "salesforce"."contacts" SET "tags" = $1, "seen" = $2 WHERE "id" IN ($3, $4)`, [
      '{"u"}',
      null,
      '003000000000000002',
      '003000000000000003',
    ]],
    [`UPDATE "salesforce"."contacts" SET "score" = "score" + 5 WHERE "id" = $1`, [
      '003000000000000004',
    ]],
    [
      `INSERT INTO "salesforce"."contacts"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, $2, DEFAULT, DEFAULT, DEFAULT) ON CONFLICT ( "email" ) DO UPDATE SET "email" = EXCLUDED."email", "last_name" = EXCLUDED."last_name" RETURNING "id"`,
      ['up', 'paul@dune.co'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" AS "Contact"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (upper('o7'), $1, DEFAULT, DEFAULT, DEFAULT, DEFAULT) RETURNING "id"`,
      ['O7'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" AS "Contact"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, $2, DEFAULT, DEFAULT, DEFAULT) ON CONFLICT DO NOTHING  RETURNING "id"`,
      ['O8', 'paul@dune.co'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" AS "Contact"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, DEFAULT, DEFAULT, DEFAULT, DEFAULT) RETURNING "id", "last_name"`,
      ['O9'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" AS "Contact"("first_name", "last_name", "email", "score", "tags", "seen") VALUES (DEFAULT, $1, $2, DEFAULT, DEFAULT, DEFAULT) ON CONFLICT ( "email" ) DO UPDATE SET "last_name" = EXCLUDED."last_name" RETURNING "id"`,
      ['z', 'paul@dune.co'],
    ],
    [`UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE "email" LIKE $2 RETURNING *`, [
      'qb',
      '%dune%',
    ]],
    [
      `UPDATE "salesforce"."contacts" SET "last_name" = $1 WHERE "id" IN (SELECT contact_id FROM local_notes)`,
      ['sub'],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE "id" = $1`, ['003000000000000004']],
    [`DELETE FROM "salesforce"."contacts" WHERE "score" IS NULL`],
    [`DELETE FROM "salesforce"."contacts" WHERE "last_name" LIKE $1`, ['O%']],
    [`DELETE FROM "salesforce"."contacts" WHERE "id" IN ($1, $2)`, [
      '003000000000000001',
      '003000000000000002',
    ]],
    [`DELETE FROM "salesforce"."contacts" WHERE "score" > $1 RETURNING "id"`, ['15']],
    [`TRUNCATE TABLE "salesforce"."contacts"`, [], 'truncate'],
    [`INSERT INTO salesforce.contacts(last_name) VALUES ($1) RETURNING *`, ['rawq']],
  ],
  sqlAlchemyWithPsycopg: [
    [
      `INSERT INTO salesforce.contacts (last_name) VALUES ($1::VARCHAR) RETURNING salesforce.contacts.id`,
      ['A1'],
    ],
    [
      `INSERT INTO salesforce.contacts (last_name, score, tags, seen) VALUES ($1::VARCHAR, $2, $3::TEXT[], $4::TIMESTAMP WITH TIME ZONE) RETURNING salesforce.contacts.id`,
      ['A2', '2', '{x,y}', '2024-02-03 04:05:06+00'],
    ],
    [
      `INSERT INTO salesforce.contacts (last_name) VALUES ($1::VARCHAR), ($2::VARCHAR) RETURNING salesforce.contacts.id, salesforce.contacts.first_name, salesforce.contacts.last_name, salesforce.contacts.email, salesforce.contacts.score, salesforce.contacts.tags, salesforce.contacts.seen, salesforce.contacts.name`,
      ['A3', 'A4'],
    ],
    [`INSERT INTO salesforce.contacts (last_name) SELECT local_notes.body 
FROM local_notes`],
    [
      `INSERT INTO salesforce.contacts (last_name, score) VALUES (upper($1::VARCHAR), ($2::INTEGER + $3::INTEGER)) RETURNING salesforce.contacts.id`,
      ['a5', '1', '2'],
    ],
    [
      `INSERT INTO salesforce.contacts (last_name, email) VALUES ($1::VARCHAR, $2::VARCHAR) ON CONFLICT DO NOTHING RETURNING salesforce.contacts.id`,
      ['x', 'paul@dune.co'],
    ],
    [
      `INSERT INTO salesforce.contacts (last_name, email) VALUES ($1::VARCHAR, $2::VARCHAR) ON CONFLICT (email) DO NOTHING RETURNING salesforce.contacts.id`,
      ['x', 'paul@dune.co'],
    ],
    [
      `INSERT INTO salesforce.contacts (last_name, email) VALUES ($1::VARCHAR, $2::VARCHAR) ON CONFLICT (email) DO UPDATE SET last_name = excluded.last_name RETURNING salesforce.contacts.id`,
      ['x', 'paul@dune.co'],
    ],
    [
      `UPDATE salesforce.contacts SET first_name=$1::VARCHAR WHERE salesforce.contacts.id = $2::VARCHAR`,
      ['P', '003000000000000001'],
    ],
    [
      `UPDATE salesforce.contacts SET score=(salesforce.contacts.score + $1::INTEGER) WHERE salesforce.contacts.score > $2::INTEGER RETURNING salesforce.contacts.id, salesforce.contacts.score`,
      ['1', '5'],
    ],
    [`UPDATE salesforce.contacts SET last_name=local_notes.body FROM local_notes WHERE local_notes.contact_id = salesforce.contacts.id`],
    [
      `UPDATE salesforce.contacts SET first_name=$1::VARCHAR, tags=$2::TEXT[] WHERE salesforce.contacts.id IN ($3::VARCHAR, $4::VARCHAR)`,
      ['q', null, '003000000000000001', '003000000000000002'],
    ],
    [
      `UPDATE salesforce.contacts SET last_name=(SELECT max(local_notes.body) AS max_1 
FROM local_notes) WHERE salesforce.contacts.id = $1::VARCHAR`,
      ['003000000000000003'],
    ],
    [
      `UPDATE salesforce.contacts SET first_name=$1::VARCHAR, last_name=$2::VARCHAR WHERE salesforce.contacts.email NOT LIKE $3::VARCHAR`,
      ['o', 'p', 'p%'],
    ],
    [`DELETE FROM salesforce.contacts WHERE salesforce.contacts.id = $1::VARCHAR`, [
      '003000000000000004',
    ]],
    [`DELETE FROM salesforce.contacts USING local_notes WHERE salesforce.contacts.id = local_notes.contact_id`],
    [`DELETE FROM salesforce.contacts WHERE salesforce.contacts.score IS NULL RETURNING salesforce.contacts.email`],
    [`DELETE FROM salesforce.contacts WHERE EXISTS (SELECT * 
FROM local_notes 
WHERE local_notes.contact_id = salesforce.contacts.id)`],
    [
      `WITH made AS 
(INSERT INTO salesforce.contacts (last_name) VALUES ($1::VARCHAR) RETURNING salesforce.contacts.id)
 SELECT made.id 
FROM made`,
      ['cte'],
    ],
    [
      `WITH gone AS 
(DELETE FROM salesforce.contacts WHERE salesforce.contacts.id = $1::VARCHAR RETURNING salesforce.contacts.id)
 INSERT INTO local_notes (contact_id) SELECT gone.id 
FROM gone`,
      ['003000000000000002'],
    ],
    [`update salesforce.contacts set first_name = $1::VARCHAR where id = $2::VARCHAR`, [
      't',
      '003000000000000001',
    ]],
    [
      `INSERT INTO salesforce.contacts (first_name, last_name, email, score, tags, seen) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4, $5::TEXT[], $6::TIMESTAMP WITH TIME ZONE) RETURNING salesforce.contacts.id, salesforce.contacts.name`,
      [null, 'B1', 'b1@x.co', null, null, null],
    ],
    [
      `UPDATE salesforce.contacts SET first_name=$1::VARCHAR WHERE salesforce.contacts.last_name = $2::VARCHAR`,
      ['D', 'Idaho'],
    ],
    [
      `DELETE FROM salesforce.contacts WHERE salesforce.contacts.last_name LIKE $1::VARCHAR RETURNING salesforce.contacts.id`,
      ['B%'],
    ],
    [`INSERT INTO salesforce.contacts (last_name) VALUES ($1::VARCHAR)`, ['M1']],
    [
      `INSERT INTO salesforce.contacts (id, first_name, last_name, email, score, tags, seen) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5, $6::TEXT[], $7::TIMESTAMP WITH TIME ZONE) RETURNING salesforce.contacts.name`,
      ['003000000000000002', null, 'Merged', null, null, null, null],
    ],
    [`INSERT INTO salesforce.contacts (last_name, email) VALUES ($1::VARCHAR, $2::VARCHAR)`, [
      'E1',
      'e1@x.co',
    ]],
  ],
  sqlAlchemyWithPsycopg2: [
    [`INSERT INTO salesforce.contacts (last_name) VALUES ('A1') RETURNING salesforce.contacts.id`],
    [`INSERT INTO salesforce.contacts (last_name, score, tags, seen) VALUES ('A2', 2, ARRAY['x','y']::TEXT[], '2024-02-03T04:05:06+00:00'::timestamptz) RETURNING salesforce.contacts.id`],
    [`INSERT INTO salesforce.contacts (last_name) VALUES ('A3'), ('A4') RETURNING salesforce.contacts.id, salesforce.contacts.first_name, salesforce.contacts.last_name, salesforce.contacts.email, salesforce.contacts.score, salesforce.contacts.tags, salesforce.contacts.seen, salesforce.contacts.name`],
    [`INSERT INTO salesforce.contacts (last_name, score) VALUES (upper('a5'), (1 + 2)) RETURNING salesforce.contacts.id`],
    [`INSERT INTO salesforce.contacts (last_name, email) VALUES ('x', 'paul@dune.co') ON CONFLICT DO NOTHING RETURNING salesforce.contacts.id`],
    [`INSERT INTO salesforce.contacts (last_name, email) VALUES ('x', 'paul@dune.co') ON CONFLICT (email) DO NOTHING RETURNING salesforce.contacts.id`],
    [
      `INSERT INTO salesforce.contacts (last_name, email) VALUES ('x', 'paul@dune.co') ON CONFLICT (email) DO UPDATE SET last_name = excluded.last_name RETURNING salesforce.contacts.id`,
      [],
    ],
    [`UPDATE salesforce.contacts SET first_name='P' WHERE salesforce.contacts.id = '003000000000000001'`],
    [`UPDATE salesforce.contacts SET score=(salesforce.contacts.score + 1) WHERE salesforce.contacts.score > 5 RETURNING salesforce.contacts.id, salesforce.contacts.score`],
    [`UPDATE salesforce.contacts SET first_name='q', tags=NULL::TEXT[] WHERE salesforce.contacts.id IN ('003000000000000001', '003000000000000002')`],
    [`UPDATE salesforce.contacts SET last_name=(SELECT max(local_notes.body) AS max_1 
FROM local_notes) WHERE salesforce.contacts.id = '003000000000000003'`],
    [`UPDATE salesforce.contacts SET first_name='o', last_name='p' WHERE salesforce.contacts.email NOT LIKE 'p%'`],
    [`DELETE FROM salesforce.contacts WHERE salesforce.contacts.id = '003000000000000004'`],
    [`WITH made AS 
(INSERT INTO salesforce.contacts (last_name) VALUES ('cte') RETURNING salesforce.contacts.id)
 SELECT made.id 
FROM made`],
    [`WITH gone AS 
(DELETE FROM salesforce.contacts WHERE salesforce.contacts.id = '003000000000000002' RETURNING salesforce.contacts.id)
 INSERT INTO local_notes (contact_id) SELECT gone.id 
FROM gone`],
    [`update salesforce.contacts set first_name = 't' where id = '003000000000000001'`],
    [`INSERT INTO salesforce.contacts (first_name, last_name, email, score, tags, seen) VALUES (NULL, 'B1', 'b1@x.co', NULL, NULL::TEXT[], NULL) RETURNING salesforce.contacts.id, salesforce.contacts.name`],
    [`INSERT INTO salesforce.contacts (first_name, last_name, email, score, tags, seen) VALUES (NULL, 'B2', NULL, NULL, NULL::TEXT[], NULL) RETURNING salesforce.contacts.id, salesforce.contacts.name`],
    [`INSERT INTO salesforce.contacts (first_name, last_name, email, score, tags, seen) VALUES (NULL, 'B3', NULL, NULL, NULL::TEXT[], NULL) RETURNING salesforce.contacts.id, salesforce.contacts.name`],
    [`INSERT INTO salesforce.contacts (first_name, last_name, email, score, tags, seen) VALUES (NULL, 'B4', NULL, NULL, NULL::TEXT[], NULL) RETURNING salesforce.contacts.id, salesforce.contacts.name`],
    [`INSERT INTO salesforce.contacts (first_name, last_name, email, score, tags, seen) VALUES (NULL, 'B5', NULL, NULL, NULL::TEXT[], NULL) RETURNING salesforce.contacts.id, salesforce.contacts.name`],
    [`UPDATE salesforce.contacts SET first_name='D' WHERE salesforce.contacts.last_name = 'Idaho'`],
    [`DELETE FROM salesforce.contacts WHERE salesforce.contacts.last_name LIKE 'B%' RETURNING salesforce.contacts.id`],
    [`UPDATE salesforce.contacts SET first_name='bulk1' WHERE salesforce.contacts.id = '003000000000000001'`],
    [`UPDATE salesforce.contacts SET first_name='bulk2' WHERE salesforce.contacts.id = '003000000000000002'`],
    [`INSERT INTO salesforce.contacts (last_name) VALUES ('M1'), ('M2')`],
    [`INSERT INTO salesforce.contacts (id, first_name, last_name, email, score, tags, seen) VALUES ('003000000000000002', NULL, 'Merged', NULL, NULL, NULL::TEXT[], NULL) RETURNING salesforce.contacts.name`],
    [`INSERT INTO salesforce.contacts (last_name, email) VALUES ('E1', 'e1@x.co'), ('E2', 'e2@x.co')`],
    [`UPDATE salesforce.contacts SET first_name='x' WHERE salesforce.contacts.id = '003000000000000001'`],
    [`UPDATE salesforce.contacts SET first_name='y' WHERE salesforce.contacts.id = '003000000000000002'`],
  ],
  djangoBinding: [
    [
      `INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") VALUES ($1, $2, $3, $4) RETURNING "salesforce"."contacts"."id"`,
      [null, 'J1', null, null],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") SELECT * FROM UNNEST(($1)::text[], ($2)::text[], ($3)::text[], ($4)::numeric[]) RETURNING "salesforce"."contacts"."id"`,
      ['{NULL,NULL}', '{J3,J4}', '{NULL,j4@x.co}', '{NULL,NULL}'],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [null, 'J5', 'paul@dune.co', null],
    ],
    [
      `INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") VALUES ($1, $2, $3, $4) ON CONFLICT("email") DO UPDATE SET "last_name" = EXCLUDED."last_name" RETURNING "salesforce"."contacts"."id"`,
      [null, 'J6', 'paul@dune.co', null],
      'upsert',
    ],
    [`UPDATE "contacts" SET "first_name" = $1 WHERE "contacts"."id" = $2`, [
      'P',
      '003000000000000001',
    ]],
    [`UPDATE "contacts" SET "score" = ("contacts"."score" + $1) WHERE "contacts"."score" > $2`, [
      '1',
      '5',
    ]],
    [`UPDATE "contacts" SET "last_name" = UPPER("contacts"."last_name")`],
    [
      `UPDATE "contacts" SET "tags" = $1::text[], "seen" = $2 WHERE "contacts"."email" IN ($3, $4)`,
      ['{v}', '2024-02-03 04:05:06+00', 'leto@dune.co', 'chani@dune.co'],
    ],
    [
      `UPDATE "contacts" SET "first_name" = $1 WHERE EXISTS(SELECT $2 AS "a" FROM "local_notes" U0 WHERE U0."contact_id" = ("contacts"."id") LIMIT 1)`,
      ['noted', '1'],
    ],
    [`UPDATE "contacts" SET "last_name" = (SELECT U0."body" AS "body" FROM "local_notes" U0 WHERE U0."contact_id" = ("contacts"."id") LIMIT 1)`],
    [
      `UPDATE "contacts" SET "first_name" = CASE WHEN ("contacts"."score" > $1) THEN $2 ELSE $3 END`,
      ['15', 'high', 'low'],
    ],
    [
      `UPDATE "contacts" SET "first_name" = $1, "last_name" = NULL, "email" = $2, "score" = $3, "tags" = $4::text[], "seen" = $5 WHERE "contacts"."id" = $6`,
      ['Saved', 'leto@dune.co', '21.5', '{v}', '2024-02-03 04:05:06+00', '003000000000000002'],
    ],
    [
      `UPDATE "contacts" SET "first_name" = (CASE WHEN ("contacts"."id" = $1) THEN $2 WHEN ("contacts"."id" = $3) THEN $4 ELSE NULL END)::text WHERE "contacts"."id" IN ($5, $6)`,
      [
        '003000000000000001',
        'b1',
        '003000000000000002',
        'b2',
        '003000000000000001',
        '003000000000000002',
      ],
    ],
    [`UPDATE "contacts" SET "last_name" = $1, "seen" = $2 WHERE "contacts"."id" = $3`, [
      'UoC',
      '2024-02-03 04:05:06+00',
      '003000000000000002',
    ]],
    [`DELETE FROM "contacts" WHERE "contacts"."id" = $1`, ['003000000000000004']],
    [`DELETE FROM "contacts" WHERE ("contacts"."score" IS NULL OR "contacts"."last_name" = $1)`, [
      'Idaho',
    ]],
    [`DELETE FROM "contacts" WHERE "contacts"."id" IN (SELECT U0."contact_id" AS "contact_id" FROM "local_notes" U0)`],
    [`DELETE FROM "contacts" WHERE UPPER("contacts"."last_name"::text) LIKE UPPER($1)`, ['%j%']],
    [`insert into salesforce.contacts (last_name, email) values ($1, $2)`, ['cur', null]],
  ],
  django: [
    [`INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") VALUES (NULL, 'J1', NULL, NULL) RETURNING "salesforce"."contacts"."id"`],
    [`INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") VALUES (NULL, 'J2', 'j2@x.co', 2.5) RETURNING "salesforce"."contacts"."id"`],
    [`INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") SELECT * FROM UNNEST(('{NULL,NULL}')::text[], ('{J3,J4}')::text[], ('{NULL,j4@x.co}')::text[], ('{NULL,NULL}')::numeric[]) RETURNING "salesforce"."contacts"."id"`],
    [`INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") VALUES (NULL, 'J5', 'paul@dune.co', NULL) ON CONFLICT DO NOTHING`],
    [
      `INSERT INTO "salesforce"."contacts" ("first_name", "last_name", "email", "score") VALUES (NULL, 'J6', 'paul@dune.co', NULL) ON CONFLICT("email") DO UPDATE SET "last_name" = EXCLUDED."last_name" RETURNING "salesforce"."contacts"."id"`,
      [],
    ],
    [`UPDATE "contacts" SET "first_name" = 'P' WHERE "contacts"."id" = '003000000000000001'`],
    [`UPDATE "contacts" SET "score" = ("contacts"."score" + 1) WHERE "contacts"."score" > 5`],
    [`UPDATE "contacts" SET "tags" = '{v}'::text[], "seen" = '2024-02-03 04:05:06+00:00'::timestamptz WHERE "contacts"."email" IN ('leto@dune.co', 'chani@dune.co')`],
    [`UPDATE "contacts" SET "first_name" = 'noted' WHERE EXISTS(SELECT 1 AS "a" FROM "local_notes" U0 WHERE U0."contact_id" = ("contacts"."id") LIMIT 1)`],
    [`UPDATE "contacts" SET "first_name" = CASE WHEN ("contacts"."score" > 15) THEN 'high' ELSE 'low' END`],
    [`UPDATE "contacts" SET "first_name" = 'Saved', "last_name" = NULL, "email" = 'leto@dune.co', "score" = 21.5, "tags" = '{v}'::text[], "seen" = '2024-02-03 04:05:06+00:00'::timestamptz WHERE "contacts"."id" = '003000000000000002'`],
    [`UPDATE "contacts" SET "first_name" = 'Part' WHERE "contacts"."id" = '003000000000000002'`],
    [`UPDATE "contacts" SET "first_name" = (CASE WHEN ("contacts"."id" = '003000000000000001') THEN 'b1' WHEN ("contacts"."id" = '003000000000000002') THEN 'b2' ELSE NULL END)::text WHERE "contacts"."id" IN ('003000000000000001', '003000000000000002')`],
    [`UPDATE "contacts" SET "last_name" = 'UoC', "seen" = '2024-02-03 04:05:06+00:00'::timestamptz WHERE "contacts"."id" = '003000000000000002'`],
    [`DELETE FROM "contacts" WHERE "contacts"."id" = '003000000000000004'`],
    [`DELETE FROM "contacts" WHERE ("contacts"."score" IS NULL OR "contacts"."last_name" = 'Idaho')`],
    [`DELETE FROM "contacts" WHERE UPPER("contacts"."last_name"::text) LIKE UPPER('%j%')`],
    [`UPDATE "contacts" SET "first_name" = 'Atomic' WHERE "contacts"."id" = '003000000000000001'`],
    [`insert into salesforce.contacts (last_name, email) values ('cur', NULL)`],
    [`update salesforce.contacts set first_name = 'm1' where id = '003000000000000001'`],
    [`update salesforce.contacts set first_name = 'm2' where id = '003000000000000002'`],
  ],
  peewee: [
    [`INSERT INTO "salesforce"."contacts" ("last_name") VALUES ('W1') RETURNING "contacts"."id"`],
    [`INSERT INTO "salesforce"."contacts" ("last_name", "email") VALUES ('W2', 'w2@x.co') RETURNING "contacts"."id", "contacts"."email"`],
    [`INSERT INTO "salesforce"."contacts" ("last_name") VALUES ('W3'), ('W4') RETURNING "contacts"."id"`],
    [`INSERT INTO "salesforce"."contacts" ("last_name") SELECT "t1"."body" FROM "local_notes" AS "t1" RETURNING "contacts"."id"`],
    [`INSERT INTO "salesforce"."contacts" ("email") VALUES ('paul@dune.co') ON CONFLICT DO NOTHING RETURNING "contacts"."id"`],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name", "email") VALUES ('z', 'paul@dune.co') ON CONFLICT ("email") DO UPDATE SET "last_name" = 'z' RETURNING "contacts"."id"`,
      [],
      'upsert',
    ],
    [`UPDATE "salesforce"."contacts" SET "first_name" = 'P' WHERE ("contacts"."id" = '003000000000000001')`],
    [`UPDATE "salesforce"."contacts" SET "score" = ("contacts"."score" + 1) WHERE ("contacts"."score" > 5) RETURNING "contacts"."id", "contacts"."first_name", "contacts"."last_name", "contacts"."email", "contacts"."score"`],
    [`UPDATE "salesforce"."contacts" SET "last_name" = "t1"."body" FROM "local_notes" AS "t1" WHERE ("t1"."contact_id" = "contacts"."id")`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = UPPER("contacts"."first_name") WHERE ("contacts"."email" ILIKE '%dune%')`],
    [`DELETE FROM "salesforce"."contacts" WHERE ("contacts"."id" = '003000000000000004')`],
    [`DELETE FROM "salesforce"."contacts" WHERE ("contacts"."id" IN (SELECT "t1"."contact_id" FROM "local_notes" AS "t1")) RETURNING "contacts"."id"`],
    [`DELETE FROM "salesforce"."contacts" WHERE ("contacts"."id" = '003000000000000002')`],
    [`UPDATE "salesforce"."contacts" SET "last_name" = 'Set' WHERE ("contacts"."id" = '003000000000000001')`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = CASE "contacts"."id" WHEN '003000000000000001' THEN 'x' WHEN '003000000000000002' THEN 'y' END WHERE ("contacts"."id" IN ('003000000000000001', '003000000000000002'))`],
  ],
  activeRecord: [
    [`INSERT INTO "salesforce"."contacts" ("last_name") VALUES ($1) RETURNING "id"`, ['R1']],
    [
      `INSERT INTO "salesforce"."contacts" ("last_name", "email", "score", "tags", "seen") VALUES ($1, $2, $3, $4, $5) RETURNING "id"`,
      ['R2', 'r2@x.co', '1.25', '{a,"b c"}', '2024-02-03 04:05:06'],
    ],
    [`INSERT INTO "salesforce"."contacts" ("last_name","email") VALUES ('R3', NULL), ('R4', 'r4@x.co') ON CONFLICT  DO NOTHING RETURNING "id"`],
    [`INSERT INTO "salesforce"."contacts" ("last_name") VALUES ('R5') RETURNING "id","name"`],
    [`INSERT INTO "salesforce"."contacts" ("email","last_name") VALUES ('paul@dune.co', 'x') ON CONFLICT ("email") DO NOTHING RETURNING "id"`],
    [
      `INSERT INTO "salesforce"."contacts" ("email","last_name") VALUES ('paul@dune.co', 'x') ON CONFLICT ("email") DO UPDATE SET "last_name"=excluded."last_name" RETURNING "id"`,
      [],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE "salesforce"."contacts"."id" = $2`,
      ['P', '003000000000000001'],
    ],
    [`UPDATE "salesforce"."contacts" SET score = score + 1 WHERE (score > 5)`],
    [
      `UPDATE "salesforce"."contacts" SET "first_name" = $1, "tags" = $2 WHERE "salesforce"."contacts"."last_name" = $3`,
      ['ua', null, 'Atreides'],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE "salesforce"."contacts"."id" IN (SELECT "salesforce"."contacts"."id" FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" IN ($2, $3) ORDER BY "salesforce"."contacts"."id" ASC LIMIT $4)`,
      ['lim', '003000000000000001', '003000000000000002', '1'],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "score" = COALESCE("score", 0) + $1 WHERE "salesforce"."contacts"."id" = $2`,
      ['2.0', '003000000000000002'],
    ],
    [`UPDATE "salesforce"."contacts" SET "seen" = $1 WHERE "salesforce"."contacts"."id" = $2`, [
      '2026-11-26 00:41:01.169214',
      '003000000000000003',
    ]],
    [
      `UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE (exists (select from local_notes n where n.contact_id = salesforce.contacts.id))`,
      ['n'],
    ],
    [
      `UPDATE "salesforce"."contacts" SET "first_name" = $1 WHERE "salesforce"."contacts"."id" IN (SELECT "salesforce"."contacts"."id" FROM "salesforce"."contacts" join local_notes n on n.contact_id = salesforce.contacts.id)`,
      ['j'],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" = $1`, [
      '003000000000000004',
    ]],
    [`DELETE FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."score" IS NULL`],
    [
      `DELETE FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" IN (SELECT "salesforce"."contacts"."id" FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."last_name" = $1 LIMIT $2)`,
      ['Atreides', '1'],
    ],
    [`DELETE FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" IN (SELECT "salesforce"."contacts"."id" FROM "salesforce"."contacts" join local_notes n on n.contact_id = salesforce.contacts.id)`],
    [`insert into salesforce.contacts (last_name) values ('raw') returning id`],
  ],
  activeRecordUnprepared: [
    [`INSERT INTO "salesforce"."contacts" ("last_name") VALUES ('R1') RETURNING "id"`],
    [`INSERT INTO "salesforce"."contacts" ("last_name", "email", "score", "tags", "seen") VALUES ('R2', 'r2@x.co', 1.25, '{a,"b c"}', '2024-02-03 04:05:06') RETURNING "id"`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = 'P' WHERE "salesforce"."contacts"."id" = '003000000000000001'`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = 'ua', "tags" = NULL WHERE "salesforce"."contacts"."last_name" = 'Atreides'`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = 'lim' WHERE "salesforce"."contacts"."id" IN (SELECT "salesforce"."contacts"."id" FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" IN ('003000000000000001', '003000000000000002') ORDER BY "salesforce"."contacts"."id" ASC LIMIT 1)`],
    [`UPDATE "salesforce"."contacts" SET "score" = COALESCE("score", 0) + 2.0 WHERE "salesforce"."contacts"."id" = '003000000000000002'`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = 'col' WHERE "salesforce"."contacts"."id" = '003000000000000002'`],
    [`UPDATE "salesforce"."contacts" SET "score" = COALESCE("score", 0) + 2.0 WHERE "salesforce"."contacts"."id" = '003000000000000004'`],
    [`UPDATE "salesforce"."contacts" SET "seen" = '2026-11-26 00:41:03.700648' WHERE "salesforce"."contacts"."id" = '003000000000000003'`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = 'n' WHERE (exists (select from local_notes n where n.contact_id = salesforce.contacts.id))`],
    [`UPDATE "salesforce"."contacts" SET "first_name" = 'j' WHERE "salesforce"."contacts"."id" IN (SELECT "salesforce"."contacts"."id" FROM "salesforce"."contacts" join local_notes n on n.contact_id = salesforce.contacts.id)`],
    [`DELETE FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" = '003000000000000004'`],
    [`DELETE FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" = '003000000000000003'`],
    [`DELETE FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."id" IN (SELECT "salesforce"."contacts"."id" FROM "salesforce"."contacts" WHERE "salesforce"."contacts"."last_name" = 'Atreides' LIMIT 1)`],
  ],
}
