import { measurePrivacy } from '../src/simulator/privacy/measurePrivacy.ts'
import { playPrivacyMonth } from '../src/simulator/privacy/privacyMonth.ts'
import { formatPrivacyTable } from './privacyTable.ts'
import type { Bench, FiguresPage } from './report.ts'

/** Where the figures go; a test compares the page with them. */
export const privacyPage: FiguresPage = { path: 'docs/privacy.md', format: formatPrivacyTable }

/** What observers of a simulated month can link: the same in every run. */
export const privacyBench: Bench = {
  about:
    'what each observer of 20 meters finds out in a simulated month of real messages, counted ' +
    'where it is true; the same in every run',
  goals: {
    chainJoined: { most: 0 },
    gossipRepeatedKeys: { most: 0 },
    gossipJoined: { most: 0 },
    gossipAccountsPerRootMost: { most: 1 },
    producerJoinedMost: { most: 0 },
    manufacturerOwnersShown: { most: 0 },
    relaySizes: { most: 1 },
  },
  page: privacyPage,
  async run(progress) {
    progress('playing a month')
    return measurePrivacy(await playPrivacyMonth())
  },
}
