// Room sql: text in, what kind of statements it holds out. Pure.

export { describeMutation } from './describe.ts'
export type { Agreement } from './describe.ts'
export { type Explained, readExplained, readsStdin, writesAtCursor } from './forms.ts'
export { createNameFilter } from './filter.ts'
export { createRecogniser, recogniseMutation } from './mutation.ts'
export type { MemoryOptions, Recogniser } from './mutation.ts'
export { mayMutate } from './prefilter.ts'
export { backslashReason } from './quoted.ts'
export { recognise } from './recognise.ts'
export { nameBytesMax } from '../lib/name.ts'
export type {
  RecogniseOptions,
  Recognition,
  Statement,
  StatementKind,
  Target,
  TargetOperation,
  Upsert,
} from './statement.ts'
export { readTrace } from './trace.ts'
