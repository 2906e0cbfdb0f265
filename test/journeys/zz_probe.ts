import { startSystem, writesOf } from '/work/main/test/help/system.ts'
import { execFileSync, spawnSync } from 'node:child_process'
const t0 = Date.now()
const s = await startSystem()
console.log('start ms', Date.now() - t0)
try {
  const run = (url: string, ...cmds: string[]) => { const r = spawnSync('psql', ['-X', '-v', 'VERBOSITY=verbose', url, ...cmds.flatMap(c => ['-c', c])], {encoding:'utf8'}); console.log(r.stdout + r.stderr) }
  await s.clearExchanges()
  run(s.tlsUrl(), "insert into salesforce.contacts (first_name,last_name,email) values ('Paul','Atreides','paul@dune.co') returning id, name", "insert into salesforce.contacts (first_name,last_name,email) values ('Paul','Atreides','pauldune.co') returning id, name", "update salesforce.contacts set title='Kwisatz' where email='paul@dune.co'", "delete from salesforce.contacts where email='paul@dune.co'", "delete from salesforce.contacts where email='nobody'")
  for (const e of await s.exchanges()) console.log(e.method, e.url, e.status, e.requestBody.slice(0, 900), e.responseBody.length)
  console.log((await s.records('contacts')).length, (await s.sql`select count(*) from salesforce.contacts`)[0])
} finally { const t1 = Date.now(); await s.stop(); console.log('stop ms', Date.now() - t1) }
