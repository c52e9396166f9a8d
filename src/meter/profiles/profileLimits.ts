/** Bounds of what is read as profiles; beyond them reading ends with `input/too-large`. */
export const profileLimits = {
  /** 64 MiB, a CSV file. */
  fileBytes: 64 * 1024 * 1024,
  /** 1 MiB, the households file. */
  householdsFileBytes: 1024 * 1024,
  /** Entries of a folder that are looked at. */
  folderEntries: 10_000,
  /** Lines in one CSV file, its header included. */
  rowsPerFile: 2_000_000,
  /** Steps between a file's first and last time. */
  stepsPerFile: 2_000_000,
  /** Readings over all files and columns together. */
  readings: 20_000_000,
  /** Characters in a line; longer ones are skipped and counted. */
  lineLength: 16_384,
  households: 1_000,
  /** Market steps times households. */
  marketSteps: 20_000_000,
  /** Mean power of one home in a step, watts. */
  powerWatts: 1_000_000,
  /** Output per watt of peak: bright clouds lift it a little above 1. */
  outputPerPeak: 1.5,
} as const
