export async function measureHashIndexedLog(_seconds: number): Promise<void> {}
