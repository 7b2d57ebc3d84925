namespace Pocketgres.Kernel;

/// <summary>Signal numbers, Linux' and emscripten's.</summary>
public static class Signal
{
#pragma warning disable CS1591 // POSIX' own names
    public const int HangUp = 1;
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int Abort = 6;
    public const int BusError = 7;
    public const int Kill = 9;
    public const int User1 = 10;
    public const int SegmentationFault = 11;
    public const int User2 = 12;
    public const int Pipe = 13;
    public const int Alarm = 14;
    public const int Terminate = 15;
    public const int Child = 17;
    public const int Continue = 18;
    public const int Urgent = 23;
    public const int Maximum = 64;
#pragma warning restore CS1591
}
