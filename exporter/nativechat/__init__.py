"""NativeChat's Conversations history API, as its Administration API page documents it.

history    downloads a collection, page by page, paced and retried
   │
client     one attempt a call: a count, or one page of rows
   ├─ endpoints   what can be asked: URLs, and the limits of each answer
   ├─ attempt     what an attempt may use of time and bytes
   ├─ transport   requests' adapter: one pool of connections for a bot
   │     ├─ connections   used again only while clean, young and silent
   │     ├─ response      strict about interim responses, lengths and what follows them
   │     ├─ sockets       bounded by the attempt at every operation
   │     └─ authorities   certificates, read again when they change
   ├─ failures    statuses and broken connections → ApiError
   └─ answers     bytes → a count or rows, or BadAnswer
"""
