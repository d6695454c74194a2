export async function measurePlainLmdb(_seconds: number): Promise<void> {}
