import { type MeterMemory, openMeterMemory } from './memoryMeterStorage.ts'
import { describeMeterStorage } from './meterStorage.testCases.ts'

describeMeterStorage('memory', () => {
  const memory: MeterMemory = {}
  const open = () => openMeterMemory(memory)
  return {
    create: open,
    reopen: open,
    copy() {
      const { saved } = memory
      return () => {
        if (saved !== undefined) memory.saved = saved
      }
    },
  }
})
