// The report's style rules, which the build makes a style sheet of (studio.config.ts).
declare module 'virtual:report.css';
declare module '*.css';
