/** Bounds of what sources read; docs/limits.md says what is beyond them. */
export const sourceLimits = {
  /** Characters of a source as typed. */
  specLength: 2_048,
  /** 64 MiB, a CSV file that is replayed. */
  csvFileBytes: 64 * 1024 * 1024,
  /** 1 MiB, a file of certificates. */
  certificateFileBytes: 1024 * 1024,
  /** From `/` to the CRC of a P1 telegram. */
  telegramBytes: 8_192,
  /** Bytes without a telegram's start after which a line is called noise. */
  noiseBytes: 4_096,
  /** Without a good telegram for so long, a P1 line is opened anew. */
  p1SilenceMs: 60_000,
  /** Time for a connection to come about. */
  connectMs: 10_000,
  /** Time for a Modbus answer. */
  modbusAnswerMs: 3_000,
  /** Models in a SunSpec device. */
  sunspecModels: 64,
  /** Payload of an MQTT message. */
  payloadBytes: 65_536,
  /** A whole MQTT packet; a longer one cuts the connection before it is kept. */
  packetBytes: 131_072,
  /** The longest wait between two attempts to connect. */
  retryMs: 60_000,
} as const
