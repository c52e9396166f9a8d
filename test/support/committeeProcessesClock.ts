import { existsSync, readFileSync } from 'node:fs'

// Loaded into a node before everything else (`--import`): its clock is ahead of the computer's by
// as many milliseconds as the file says that the environment names, from the moment it says so.
const path = process.env.SPB_TEST_CLOCK
const lookMs = 50
let shiftMs = 0

function look(): void {
  if (path !== undefined && existsSync(path)) shiftMs = Number(readFileSync(path, 'utf8'))
}

const { timeOrigin } = performance
const computerNow = Date.now
look()
setInterval(look, lookMs).unref()
Date.now = () => computerNow() + shiftMs
Object.defineProperty(performance, 'timeOrigin', { get: () => timeOrigin + shiftMs })
