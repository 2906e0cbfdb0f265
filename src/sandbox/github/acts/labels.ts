// Room sandbox: what can be done to the labels of a repository.

import { type FieldError, refuseInvalid } from '../refusal.ts'
import { nameKey } from '../state/hub.ts'
import type { Label, Repository } from '../state/model.ts'
import { repositoryOf, type Session, timeText } from '../state/session.ts'
import { needWrite } from './rights.ts'
import { checkText } from './text.ts'

export interface LabelChange {
  readonly name?: string
  readonly color?: string
  readonly description?: string | null
}

/** The colour of a label that is given none. */
export const colorDefault = 'ededed'

const nameLengthMax = 50
const descriptionLengthMax = 100

export function labelsOf({ hub }: Session, repository: Repository): readonly Label[] {
  return [...hub.found.labels.of(repository.id).values()]
}

/** The label of a name, whatever its case. */
export function labelNamed(
  { hub }: Session,
  repository: Repository,
  name: string,
): Label | undefined {
  const [label] = hub.found.labelsNamed.of(nameKey(repository.id, name)).values()
  return label
}

/** Makes a label. Throws `Refused`. */
export function createLabel(
  session: Session,
  repository: Repository,
  change: LabelChange & { readonly name: string; readonly isDefault?: boolean },
): Label {
  needWrite(repository)
  refuseInvalid(checkLabel(session, repository, change))
  const now = timeText(session.nowMs)
  return session.hub.labels.put({
    ...session.hub.mint('Label'),
    type: 'Label',
    repositoryId: repository.id,
    name: change.name,
    color: change.color ?? colorDefault,
    description: change.description ?? null,
    isDefault: change.isDefault ?? false,
    createdAt: now,
    updatedAt: now,
  })
}

/** Changes a label. Throws `Refused`. */
export function updateLabel(session: Session, label: Label, change: LabelChange): Label {
  const repository = repositoryOf(session, label)
  needWrite(repository)
  const { name, color, description } = change
  refuseInvalid(checkLabel(session, repository, { ...change, self: label }))
  return session.hub.labels.put({
    ...label,
    ...(name === undefined ? {} : { name }),
    ...(color === undefined ? {} : { color }),
    ...(description === undefined ? {} : { description }),
    updatedAt: timeText(session.nowMs),
  })
}

/** Removes a label, also from its issues. Throws `Refused`. */
export function deleteLabel(session: Session, label: Label): void {
  needWrite(repositoryOf(session, label))
  const { issues, labels, found } = session.hub
  const inIt = [...found.issues.of(label.repositoryId).values()]
  for (const issue of inIt.filter(({ labelIds }) => labelIds.includes(label.id))) {
    issues.put({ ...issue, labelIds: issue.labelIds.filter((id) => id !== label.id) })
  }
  labels.remove(label)
}

/** The ids of the labels of the names; those that are not there are made, as GitHub does for who may write. */
export function labelIdsNamed(
  session: Session,
  repository: Repository,
  names: readonly string[],
): readonly bigint[] {
  const ids = names.map((name) =>
    (labelNamed(session, repository, name) ?? createLabel(session, repository, { name })).id
  )
  return [...new Set(ids)]
}

/** What is wrong with the names of labels that an issue is to have. */
export function checkNames(names: readonly string[]): readonly FieldError[] {
  return names.flatMap((name) => checkText(name, nameRule))
}

const nameRule = { resource: 'Label', field: 'name', lengthMax: nameLengthMax, needed: true }

function checkLabel(
  session: Session,
  repository: Repository,
  { name, color, description, self }: LabelChange & { readonly self?: Label },
): readonly FieldError[] {
  const holder = name === undefined ? undefined : labelNamed(session, repository, name)
  return [
    ...checkText(name, nameRule),
    ...(holder === undefined || holder.id === self?.id
      ? []
      : [{ resource: 'Label', field: 'name', code: 'already_exists' } as const]),
    ...(color === undefined || /^[0-9a-f]{6}$/i.test(color)
      ? []
      : [{ resource: 'Label', field: 'color', code: 'invalid' } as const]),
    ...checkText(description, {
      resource: 'Label',
      field: 'description',
      lengthMax: descriptionLengthMax,
    }),
  ]
}
