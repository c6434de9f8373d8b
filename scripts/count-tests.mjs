// Reads the results file of vitest's JSON reporter and prints `passed failed skipped`.
// A test file that could not be loaded has no tests in it and still is a failure.
import { readFileSync } from 'node:fs'

const results = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const states = results.testResults.flatMap((file) => file.assertionResults.map((test) => test.status))
const count = (...wanted) => states.filter((status) => wanted.includes(status)).length
const brokenFiles = results.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length
console.log(`${count('passed')} ${count('failed') + brokenFiles} ${count('skipped', 'pending', 'todo', 'disabled')}`)
