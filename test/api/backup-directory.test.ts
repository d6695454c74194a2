import t from 'tap'
import { join } from 'node:path'
import { BackupDirectory } from '../../api/backup/backup-directory.ts'

t.test('a backup into a path that is a file, or lies below one → refused with what to name instead', async t => {
  const folder = t.testdir({ file: 'text' })
  for (const path of [join(folder, 'file'), join(folder, 'file', 'below')])
    await t.rejects(new BackupDirectory(path).prepare(), {
      message: `${path} is a file, or lies below one: name a directory, which is made where it is missing`
    })
  const fresh = new BackupDirectory(join(folder, 'new', 'deep'))
  await fresh.prepare()
  t.same(await fresh.cuts(), [])
})
