// What a suite runs on; filled in before its first test.

import type { Fixture, Started } from '../fixture.ts'

export interface Context {
  server: Started
  fixture: Fixture
}
