// Room session: is the listener ready? When a client that comes now is served: the mutation service answers, or is down and
// the configuration of a sync is known from before, so that reads work; and the listener is not about to end.

import type { Readiness } from '../lib/monitor.ts'
import type { Service, ServiceState } from './service.ts'

/** Never rejects. */
export async function readiness(
  { service, draining }: { service: Pick<Service, 'state'>; draining: () => boolean },
): Promise<Readiness> {
  const state: ServiceState = await service.state?.() ??
    { service: 'unreachable', configured: false }
  const refused = state.service === 'unauthorized'
  const served = state.service === 'reachable' || (state.configured && !refused)
  const checks = {
    service: state.service === 'reachable' ? 'ok' : state.service,
    configuration: state.configured ? 'known' : 'none',
    draining: draining() ? 'yes' : 'ok',
  }
  return {
    checks,
    notReady: [
      ...(served ? [] : ['service']),
      ...(served || state.configured ? [] : ['configuration']),
      ...(draining() ? ['draining'] : []),
    ],
  }
}
