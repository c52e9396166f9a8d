/** What a simulated meter's registers say. */
export type SimulatedRegisters = { importWh: number; exportWh: number; timeSeconds: number }

/** A simulated device that speaks a real protocol on loopback. */
export type SimulatedMeter = {
  port: number
  /** What to give `openSource` to read this device. */
  spec: string
  /** Changes all registers at once; resolves when everybody who listens was told. */
  set(registers: SimulatedRegisters): Promise<void> | void
  close(): Promise<void>
}
