"""The face that speaks REST and WebSocket to the side panel."""
