import { writeFileSync } from 'node:fs'
import { configurationDocument } from './configuration-print.ts'

// Run from the checkout's root after a build: node build/deploy/configuration-document.js
writeFileSync('docs/configuration.md', configurationDocument())
