import type { Incident, IncidentLog } from '../ports/meterRegister.ts'

/** So many of the last incidents are kept one by one. */
export const keptIncidents = 100

/** Notes an incident: counts it for good, and keeps it while it is one of the last. */
export function addIncident(
  { counts, recent }: IncidentLog = { counts: {}, recent: [] },
  incident: Incident,
): IncidentLog {
  const count = (counts[incident.kind] ?? 0) + 1
  return {
    counts: { ...counts, [incident.kind]: count },
    recent: [...recent, incident].slice(-keptIncidents),
  }
}
