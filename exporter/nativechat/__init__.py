"""NativeChat's Conversations history API, as its Administration API page documents it.

history, by_key   download a collection, by position or in the order of a field
   │
paced        keeps to the bot's rate, and retries
   │
client       each call is one attempt: a count, or one page of rows
   ├─ endpoints   the API's URLs, and the limits of each answer
   ├─ attempt     the time and bytes that one attempt may use
   ├─ transport   an adapter of requests: one connection pool for each bot
   │     ├─ connections   reused only while clean, young and silent
   │     ├─ response      strict about interim responses, lengths and bytes after the body
   │     ├─ sockets       every operation is limited by the attempt
   │     └─ authorities   trusted certificates, read again when they change
   ├─ statuses    statuses and headers of caches → ApiError
   ├─ failures    connections that failed or broke → ApiError
   └─ answers     bytes → a count or rows, or BadAnswer
"""
