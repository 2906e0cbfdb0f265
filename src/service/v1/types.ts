// Room service: the Postgres types that JSON has its own form for. OIDs are those of pg_type.dat, which never change.

/** How a value of a type is written in JSON. `text`: a string, as Postgres writes it. */
export type JsonForm = 'boolean' | 'number' | 'json' | 'timestamp' | 'timestamptz' | 'text'

export interface TypeInfo {
  readonly name: string
  readonly form: JsonForm
  /** The elements' type, where it is an array. */
  readonly element?: TypeInfo
}

/** OID, OID of the array of it, name, form. */
const known: readonly (readonly [number, number, string, JsonForm])[] = [
  [16, 1000, 'bool', 'boolean'],
  [17, 1001, 'bytea', 'text'],
  [18, 1002, 'char', 'text'],
  [19, 1003, 'name', 'text'],
  [20, 1016, 'int8', 'number'],
  [21, 1005, 'int2', 'number'],
  [23, 1007, 'int4', 'number'],
  [25, 1009, 'text', 'text'],
  [26, 1028, 'oid', 'number'],
  [114, 199, 'json', 'json'],
  [650, 651, 'cidr', 'text'],
  [700, 1021, 'float4', 'number'],
  [701, 1022, 'float8', 'number'],
  [790, 791, 'money', 'text'],
  [829, 1040, 'macaddr', 'text'],
  [869, 1041, 'inet', 'text'],
  [1042, 1014, 'bpchar', 'text'],
  [1043, 1015, 'varchar', 'text'],
  [1082, 1182, 'date', 'text'],
  [1083, 1183, 'time', 'text'],
  [1114, 1115, 'timestamp', 'timestamp'],
  [1184, 1185, 'timestamptz', 'timestamptz'],
  [1186, 1187, 'interval', 'text'],
  [1266, 1270, 'timetz', 'text'],
  [1700, 1231, 'numeric', 'number'],
  [2950, 2951, 'uuid', 'text'],
  [3802, 3807, 'jsonb', 'json'],
]

const types = new Map<number, TypeInfo>(
  known.flatMap(([oid, arrayOid, name, form]) => {
    const element: TypeInfo = { name, form }
    return [
      [oid, element] as const,
      [arrayOid, { name: `${name}[]`, form: 'text', element } as const] as const,
    ]
  }),
)

/** What is known of a type; undefined for all others (enums, ranges, extensions): they are text. */
export function typeOf(oid: number): TypeInfo | undefined {
  return types.get(oid)
}
