// Loaded before the command by a test: every worker thread ends soon after it is ready, again and again. Not before: Node itself
// falls over when a thread is ended while it loads modules.

process.on('worker', (thread) => thread.once('message', () => setTimeout(() => thread.terminate(), 150)));
