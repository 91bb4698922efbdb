"""The control whose claims last for ever."""
