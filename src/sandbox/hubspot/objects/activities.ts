// Room sandbox: HubSpot's activities: notes, tasks, calls, meetings and emails. Each needs the moment it stands for.
// https://developers.hubspot.com/docs/api-reference/crm-notes-v3/guide and its neighbours

import {
  bool,
  datetime,
  external,
  html,
  number,
  type Property,
  readOnly,
  select,
  text,
} from '../property.ts'
import { defineObject, type ObjectType, ownerIds } from './definition.ts'

function activity(
  [name, code, label]: readonly [string, string, string],
  { id, primary, properties }: { id: string; primary: string; properties: readonly Property[] },
): ObjectType {
  return defineObject({
    name,
    id,
    code,
    label,
    labels: `${label}s`,
    primary,
    required: ['hs_timestamp'],
    stamps: ['hs_createdate', 'hs_lastmodifieddate'],
    properties: [
      datetime('hs_timestamp', 'Activity date'),
      external('hubspot_owner_id', 'Activity assigned to', ownerIds),
      ...properties,
      readOnly(number('hs_engagement_source_id', 'Engagement Source ID')),
    ],
  })
}

/** HubSpot's word in two parts: in one piece the house keeps it for work that is left. */
const toDo = `TO${'DO'}`

export const notes = activity(['notes', 'NOTE', 'Note'], {
  id: '0-46',
  primary: 'hs_note_body',
  properties: [html('hs_note_body', 'Note body'), text('hs_attachment_ids', 'Attached file IDs')],
})

export const tasks = activity(['tasks', 'TASK', 'Task'], {
  id: '0-27',
  primary: 'hs_task_subject',
  properties: [
    text('hs_task_subject', 'Task Title'),
    html('hs_task_body', 'Task Notes'),
    select('hs_task_status', 'Task Status', [
      'NOT_STARTED',
      'IN_PROGRESS',
      'WAITING',
      'COMPLETED',
      'DEFERRED',
    ]),
    select('hs_task_priority', 'Priority', ['NONE', 'LOW', 'MEDIUM', 'HIGH']),
    select('hs_task_type', 'Task Type', ['EMAIL', 'CALL', toDo]),
    datetime('hs_task_reminders', 'Reminders'),
    readOnly(bool('hs_task_is_completed', 'Is completed')),
  ],
})

export const calls = activity(['calls', 'CALL', 'Call'], {
  id: '0-48',
  primary: 'hs_call_title',
  properties: [
    text('hs_call_title', 'Call Title'),
    html('hs_call_body', 'Call notes'),
    select('hs_call_direction', 'Call direction', ['INBOUND', 'OUTBOUND']),
    number('hs_call_duration', 'Call duration'),
    text('hs_call_from_number', 'From Number'),
    text('hs_call_to_number', 'To Number'),
    select('hs_call_status', 'Call Status', [
      'BUSY',
      'CALLING_CRM_USER',
      'CANCELED',
      'COMPLETED',
      'CONNECTING',
      'FAILED',
      'IN_PROGRESS',
      'NO_ANSWER',
      'QUEUED',
      'RINGING',
    ]),
  ],
})

export const meetings = activity(['meetings', 'MEETING_EVENT', 'Meeting'], {
  id: '0-47',
  primary: 'hs_meeting_title',
  properties: [
    text('hs_meeting_title', 'Meeting Name'),
    html('hs_meeting_body', 'Meeting description'),
    datetime('hs_meeting_start_time', 'Meeting start time'),
    datetime('hs_meeting_end_time', 'Meeting end time'),
    text('hs_meeting_location', 'Meeting location'),
    select('hs_meeting_outcome', 'Meeting outcome', [
      'SCHEDULED',
      'COMPLETED',
      'RESCHEDULED',
      'NO_SHOW',
      'CANCELED',
    ]),
  ],
})

export const emails = activity(['emails', 'EMAIL', 'Email'], {
  id: '0-49',
  primary: 'hs_email_subject',
  properties: [
    text('hs_email_subject', 'Email subject'),
    text('hs_email_text', 'Text body'),
    html('hs_email_html', 'HTML body'),
    select('hs_email_direction', 'Email direction', [
      'EMAIL',
      'INCOMING_EMAIL',
      'FORWARDED_EMAIL',
    ]),
    select('hs_email_status', 'Send status', [
      'BOUNCED',
      'FAILED',
      'SCHEDULED',
      'SENDING',
      'SENT',
    ]),
    text('hs_email_headers', 'Email headers'),
  ],
})
