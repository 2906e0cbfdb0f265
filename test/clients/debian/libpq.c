// libpq in C as its users write it: parameters, a pipeline, single-row mode.

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn *db;
static const char *tag;

/** Ends the program with libpq's message when a result is not what it must be. */
static PGresult *expect(PGresult *result, ExecStatusType status) {
  if (PQresultStatus(result) == status) return result;
  fprintf(stderr, "%s: %s\n", PQresStatus(PQresultStatus(result)), PQerrorMessage(db));
  exit(1);
}

static PGresult *ask(const char *query, int count, const char *const *values) {
  return PQexecParams(db, query, count, NULL, values, NULL, NULL, 0);
}

static char *email(const char *name) {
  char *text = malloc(200);
  snprintf(text, 200, "%s@%s.example", name, tag);
  return text;
}

static int count_rows(const char *query, const char *value) {
  PGresult *result = expect(ask(query, 1, &value), PGRES_TUPLES_OK);
  int count = atoi(PQgetvalue(result, 0, 0));
  PQclear(result);
  return count;
}

static const char *insert =
    "insert into salesforce.contacts (first_name, last_name, email) values ($1, $2, $3) returning id, name";
static const char *by_email = "select count(*) from salesforce.contacts where email = $1";

static const char *first_steps(void) {
  const char *paul[] = {"Paul", "Atreides", email("paul")};
  PGresult *made = expect(ask(insert, 3, paul), PGRES_TUPLES_OK);
  const char *id = strdup(PQgetvalue(made, 0, 0));
  printf("{\"step\":\"insert\",\"id\":\"%s\",\"name\":\"%s\"}\n", id, PQgetvalue(made, 0, 1));

  const char *duke[] = {"Duke", id};
  PGresult *updated = expect(
      ask("update salesforce.contacts set title = $1 where id = $2 returning title", 2, duke),
      PGRES_TUPLES_OK);
  printf("{\"step\":\"update\",\"rows\":%s,\"title\":\"%s\"}\n", PQcmdTuples(updated),
         PQgetvalue(updated, 0, 0));

  const char *bad[] = {"Paul", "Atreides", tag};
  PGresult *refused = expect(ask(insert, 3, bad), PGRES_FATAL_ERROR);
  printf("{\"step\":\"refused\",\"sqlstate\":\"%s\",\"message\":\"%s\",\"detail\":\"%s\",\"column\":\"%s\"}\n",
         PQresultErrorField(refused, PG_DIAG_SQLSTATE),
         PQresultErrorField(refused, PG_DIAG_MESSAGE_PRIMARY),
         PQresultErrorField(refused, PG_DIAG_MESSAGE_DETAIL),
         PQresultErrorField(refused, PG_DIAG_COLUMN_NAME));
  return id;
}

static void transactions(void) {
  const char *chani[] = {"Chani", "Kynes", email("chani")};
  expect(PQexec(db, "begin"), PGRES_COMMAND_OK);
  expect(ask("insert into public.local_notes (body) values ($1)", 1, &tag), PGRES_COMMAND_OK);
  expect(ask(insert, 3, chani), PGRES_TUPLES_OK);
  expect(PQexec(db, "rollback"), PGRES_COMMAND_OK);
  printf("{\"step\":\"rollback\",\"contacts\":%d,\"notes\":%d}\n", count_rows(by_email, chani[2]),
         count_rows("select count(*) from public.local_notes where body = $1", tag));

  const char *kynes[] = {"Kynes", email("kynes"), tag};
  PGresult *chained = expect(
      ask("with made as (insert into salesforce.contacts (last_name, email) values ($1, $2) returning id)"
          " insert into public.local_notes (contact_id, body) select id, $3 from made", 3, kynes),
      PGRES_COMMAND_OK);
  printf("{\"step\":\"chain\",\"rows\":%s,\"joined\":%d}\n", PQcmdTuples(chained),
         count_rows("select count(*) from public.local_notes n join salesforce.contacts c"
                    " on c.id = n.contact_id where n.body = $1", tag));
}

/** Three inserts in a pipeline, one Sync. */
static void batch(void) {
  const char *names[] = {"stilgar", "jamis", "harah"};
  PQenterPipelineMode(db);
  for (int at = 0; at < 3; at++) {
    const char *values[] = {NULL, names[at], email(names[at])};
    PQsendQueryParams(db, insert, 3, NULL, values, NULL, NULL, 0);
  }
  PQpipelineSync(db);
  int rows = 0;
  for (int at = 0; at < 3; at++) {
    rows += PQntuples(expect(PQgetResult(db), PGRES_TUPLES_OK));
    PQgetResult(db); // the NULL after each statement's results
  }
  expect(PQgetResult(db), PGRES_PIPELINE_SYNC);
  PQexitPipelineMode(db);
  printf("{\"step\":\"batch\",\"rows\":%d}\n", rows);
}

static void single_rows(void) {
  long rows = 0, sum = 0;
  PQsendQuery(db, "select id, value from public.readings");
  PQsetSingleRowMode(db);
  for (PGresult *result; (result = PQgetResult(db)) != NULL; PQclear(result)) {
    if (PQresultStatus(result) != PGRES_SINGLE_TUPLE) continue;
    rows++;
    sum += atol(PQgetvalue(result, 0, 0));
  }
  printf("{\"step\":\"cursor\",\"rows\":%ld,\"sum\":%ld}\n", rows, sum);
}

int main(void) {
  tag = getenv("CLIENT");
  db = PQconnectdb("");
  if (PQstatus(db) != CONNECTION_OK) {
    fprintf(stderr, "%s", PQerrorMessage(db));
    return 1;
  }
  int version = PQlibVersion();
  printf("{\"step\":\"client\",\"version\":\"%d.%d\"}\n", version / 10000, version % 10000);
  const char *id = first_steps();
  transactions();
  batch();
  single_rows();
  PGresult *removed =
      expect(ask("delete from salesforce.contacts where id = $1", 1, &id), PGRES_COMMAND_OK);
  printf("{\"step\":\"delete\",\"rows\":%s,\"left\":%d}\n", PQcmdTuples(removed),
         count_rows(by_email, email("paul")));
  PQfinish(db);
}
