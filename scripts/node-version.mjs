// Imported first, so that an old Node says so before it trips over newer syntax.
export const nodeVersionMin = 20

const major = Number(process.versions.node.split('.')[0])
if (major < nodeVersionMin) {
  console.error(
    'Carillon needs Node ' +
      nodeVersionMin +
      ' or newer; this is ' +
      process.version +
      '. Install it from https://nodejs.org and try again.'
  )
  process.exit(1)
}
