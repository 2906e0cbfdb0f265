// Room sandbox: a webhook of a repository, as GitHub keeps it.

export interface Hook {
  readonly id: bigint
  readonly repositoryId: bigint
  readonly isActive: boolean
  /** Names of events; `*`: all. */
  readonly events: readonly string[]
  readonly url: string
  readonly contentType: 'json' | 'form'
  readonly secret: string | null
  readonly insecureSsl: string
  readonly createdAt: string
  readonly updatedAt: string
}
