"""What the loop needs from the world, as small protocols. Each is implemented by one room and by a fake in the tests."""
