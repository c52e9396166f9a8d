import { type MeterMemory, openMeterMemory } from './memoryMeterStorage.ts'
import { describeMeterStorage } from './meterStorage.testCases.ts'

describeMeterStorage('memory', () => {
  const memory: MeterMemory = {}
  return { create: () => openMeterMemory(memory), reopen: () => openMeterMemory(memory) }
})
