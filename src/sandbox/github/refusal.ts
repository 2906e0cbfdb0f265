// Room sandbox: why GitHub does not do what it is asked. Each door words a refusal in its own way.

/** One member of the `errors` of a 422. */
export interface FieldError {
  readonly resource: string
  readonly field: string | null
  readonly code: 'missing' | 'missing_field' | 'invalid' | 'already_exists' | 'custom'
  /** The value that is refused, where GitHub repeats it. */
  readonly value?: string
  /** Always with `custom`. */
  readonly message?: string
}

export type Refusal =
  /** The record that would come of it is not valid. */
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[]; readonly message?: string }
  /** The request does not fit the schema of the endpoint; or is refused with a sentence only. */
  | { readonly kind: 'unfit'; readonly message: string }
  | { readonly kind: 'unparsable' }
  | { readonly kind: 'unauthorized'; readonly message: string }
  | { readonly kind: 'not-found'; readonly message?: string }
  | { readonly kind: 'forbidden'; readonly message: string }
  | { readonly kind: 'gone'; readonly message: string }
  | { readonly kind: 'moved'; readonly url: string }
  | { readonly kind: 'not-allowed'; readonly message: string }
  | { readonly kind: 'conflict'; readonly message: string }

/** Thrown before anything was changed; caught at the doors. */
export class Refused extends Error {
  override name = 'Refused'
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super('message' in refusal ? refusal.message : refusal.kind)
    this.refusal = refusal
  }
}

export function refused(refusal: Refusal): Refused {
  return new Refused(refusal)
}

/** Throws when there are errors. */
export function refuseInvalid(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw refused({ kind: 'invalid', errors })
}

export const notFound: Refusal = { kind: 'not-found' }
