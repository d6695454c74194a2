import { openTableForReading } from './table.ts'

/** The child process of `walkTable`: touches every leaf page of the table's tree and dies of what is broken. */
const directory = process.argv[2]
if (directory === undefined) throw new Error('the data directory is missing')
const table = openTableForReading(directory)
let pairs = 0
for (const key of table.getKeys({ start: '\0' })) if (key.length > 0) pairs++
const counted = (table.getStats() as { readonly entryCount: number }).entryCount
if (counted !== pairs) throw new Error(`the tree has ${pairs} pairs, its root says ${counted}`)
process.exit(0)
