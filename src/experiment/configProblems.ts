// What is wrong with a config or a saved file, in words: the messages of this room by one name.

export { describeValue, dotted, nearest, oneLine } from '../messages.ts';
export { describeProblems } from '../options/problems.ts';
